package giteatest

import (
	"net/url"
	"time"
)

// The types below are what Gitea sends, field by field in its order: a recorded delivery that is read into them and written again is the same
// bytes. A test says so.

type userJSON struct {
	ID                int64  `json:"id"`
	Login             string `json:"login"`
	LoginName         string `json:"login_name"`
	SourceID          int64  `json:"source_id"`
	FullName          string `json:"full_name"`
	Email             string `json:"email"`
	AvatarURL         string `json:"avatar_url"`
	HTMLURL           string `json:"html_url"`
	Language          string `json:"language"`
	IsAdmin           bool   `json:"is_admin"`
	LastLogin         string `json:"last_login"`
	Created           string `json:"created"`
	Restricted        bool   `json:"restricted"`
	Active            bool   `json:"active"`
	ProhibitLogin     bool   `json:"prohibit_login"`
	Location          string `json:"location"`
	Website           string `json:"website"`
	Description       string `json:"description"`
	Visibility        string `json:"visibility"`
	FollowersCount    int    `json:"followers_count"`
	FollowingCount    int    `json:"following_count"`
	StarredReposCount int    `json:"starred_repos_count"`
	UserName          string `json:"username"`
}

type permissionsJSON struct {
	Admin bool `json:"admin"`
	Push  bool `json:"push"`
	Pull  bool `json:"pull"`
}

type trackerJSON struct {
	EnableTimeTracker                bool `json:"enable_time_tracker"`
	AllowOnlyContributorsToTrackTime bool `json:"allow_only_contributors_to_track_time"`
	EnableIssueDependencies          bool `json:"enable_issue_dependencies"`
}

type repoJSON struct {
	ID                            int64           `json:"id"`
	Owner                         userJSON        `json:"owner"`
	Name                          string          `json:"name"`
	FullName                      string          `json:"full_name"`
	Description                   string          `json:"description"`
	Empty                         bool            `json:"empty"`
	Private                       bool            `json:"private"`
	Fork                          bool            `json:"fork"`
	Template                      bool            `json:"template"`
	Parent                        *struct{}       `json:"parent"`
	Mirror                        bool            `json:"mirror"`
	Size                          int             `json:"size"`
	Language                      string          `json:"language"`
	LanguagesURL                  string          `json:"languages_url"`
	HTMLURL                       string          `json:"html_url"`
	URL                           string          `json:"url"`
	Link                          string          `json:"link"`
	SSHURL                        string          `json:"ssh_url"`
	CloneURL                      string          `json:"clone_url"`
	OriginalURL                   string          `json:"original_url"`
	Website                       string          `json:"website"`
	StarsCount                    int             `json:"stars_count"`
	ForksCount                    int             `json:"forks_count"`
	WatchersCount                 int             `json:"watchers_count"`
	OpenIssuesCount               int             `json:"open_issues_count"`
	OpenPRCounter                 int             `json:"open_pr_counter"`
	ReleaseCounter                int             `json:"release_counter"`
	DefaultBranch                 string          `json:"default_branch"`
	Archived                      bool            `json:"archived"`
	CreatedAt                     string          `json:"created_at"`
	UpdatedAt                     string          `json:"updated_at"`
	ArchivedAt                    string          `json:"archived_at"`
	Permissions                   permissionsJSON `json:"permissions"`
	HasIssues                     bool            `json:"has_issues"`
	InternalTracker               trackerJSON     `json:"internal_tracker"`
	HasWiki                       bool            `json:"has_wiki"`
	HasPullRequests               bool            `json:"has_pull_requests"`
	HasProjects                   bool            `json:"has_projects"`
	ProjectsMode                  string          `json:"projects_mode"`
	HasReleases                   bool            `json:"has_releases"`
	HasPackages                   bool            `json:"has_packages"`
	HasActions                    bool            `json:"has_actions"`
	IgnoreWhitespaceConflicts     bool            `json:"ignore_whitespace_conflicts"`
	AllowMergeCommits             bool            `json:"allow_merge_commits"`
	AllowRebase                   bool            `json:"allow_rebase"`
	AllowRebaseExplicit           bool            `json:"allow_rebase_explicit"`
	AllowSquashMerge              bool            `json:"allow_squash_merge"`
	AllowFastForwardOnlyMerge     bool            `json:"allow_fast_forward_only_merge"`
	AllowRebaseUpdate             bool            `json:"allow_rebase_update"`
	DefaultDeleteBranchAfterMerge bool            `json:"default_delete_branch_after_merge"`
	DefaultMergeStyle             string          `json:"default_merge_style"`
	DefaultAllowMaintainerEdit    bool            `json:"default_allow_maintainer_edit"`
	AvatarURL                     string          `json:"avatar_url"`
	Internal                      bool            `json:"internal"`
	MirrorInterval                string          `json:"mirror_interval"`
	ObjectFormatName              string          `json:"object_format_name"`
	MirrorUpdated                 string          `json:"mirror_updated"`
	RepoTransfer                  *struct{}       `json:"repo_transfer"`
}

type personJSON struct {
	Name     string `json:"name"`
	Email    string `json:"email"`
	UserName string `json:"username"`
}

type commitJSON struct {
	ID           string     `json:"id"`
	Message      string     `json:"message"`
	URL          string     `json:"url"`
	Author       personJSON `json:"author"`
	Committer    personJSON `json:"committer"`
	Verification *struct{}  `json:"verification"`
	Timestamp    string     `json:"timestamp"`
	Added        []string   `json:"added"`
	Removed      []string   `json:"removed"`
	Modified     []string   `json:"modified"`
}

type pushJSON struct {
	Ref          string       `json:"ref"`
	Before       string       `json:"before"`
	After        string       `json:"after"`
	CompareURL   string       `json:"compare_url"`
	Commits      []commitJSON `json:"commits"`
	TotalCommits int          `json:"total_commits"`
	HeadCommit   *commitJSON  `json:"head_commit"`
	Repository   repoJSON     `json:"repository"`
	Pusher       userJSON     `json:"pusher"`
	Sender       userJSON     `json:"sender"`
}

type createJSON struct {
	SHA        string   `json:"sha"`
	Ref        string   `json:"ref"`
	RefType    string   `json:"ref_type"`
	Repository repoJSON `json:"repository"`
	Sender     userJSON `json:"sender"`
}

type deleteJSON struct {
	Ref        string   `json:"ref"`
	RefType    string   `json:"ref_type"`
	PusherType string   `json:"pusher_type"`
	Repository repoJSON `json:"repository"`
	Sender     userJSON `json:"sender"`
}

func (s *Server) userJSON(u *User, email string) userJSON {
	host := s.URL
	if at, err := url.Parse(s.URL); err == nil {
		host = at.Hostname()
	}
	if email == "" {
		email = u.Login + "@noreply." + host
	}
	return userJSON{
		ID: u.ID, Login: u.Login, UserName: u.Login, Email: email, AvatarURL: s.URL + "/avatars/" + u.Login, HTMLURL: s.URL + "/" + u.Login,
		LastLogin: stamp(time.Time{}), Created: "2026-11-21T02:00:51Z", Visibility: "public",
	}
}

// repoJSON describes a repository; the lock is held.
func (s *Server) repoJSON(r *Repo, may access, empty bool) repoJSON {
	open := 0
	for _, p := range r.pulls {
		if p.state == "open" {
			open++
		}
	}
	owner := s.users[lower(r.Owner)]
	return repoJSON{
		ID: r.ID, Owner: s.userJSON(owner, owner.Login+"@example.invalid"), Name: r.Name, FullName: r.FullName(), Description: r.Description,
		Empty: empty, Private: r.Private, Size: 25,
		LanguagesURL: s.URL + "/api/v1/repos/" + r.FullName() + "/languages", HTMLURL: s.URL + "/" + r.FullName(),
		URL: s.URL + "/api/v1/repos/" + r.FullName(), SSHURL: "gitea@127.0.0.1:" + r.FullName() + ".git", CloneURL: r.CloneURL(),
		WatchersCount: 1, OpenPRCounter: open, DefaultBranch: r.DefaultBranch, CreatedAt: stamp(r.created), UpdatedAt: stamp(r.created), ArchivedAt: "1970-01-01T00:00:00Z",
		Permissions: permissionsJSON{may >= admin, may >= write, may >= read}, HasIssues: true, InternalTracker: trackerJSON{true, true, true},
		HasWiki: true, HasPullRequests: true, HasProjects: true, ProjectsMode: "all", HasReleases: true,
		AllowMergeCommits: true, AllowRebase: true, AllowRebaseExplicit: true, AllowSquashMerge: true, AllowFastForwardOnlyMerge: true, AllowRebaseUpdate: true,
		DefaultMergeStyle: "merge", AvatarURL: s.URL + "/", MirrorUpdated: stamp(time.Time{}),
	}
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
