package gitea

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// ErrExists is returned for a repository that is there already.
var ErrExists = errors.New("a repository of that name is there already")

// ErrNoOwner is returned for a new repository of somebody who is not there, or for whom the token's account may make none.
var ErrNoOwner = errors.New("no such owner")

// Listed is a repository in a list.
type Listed struct {
	Repo
	Description string
	Archived    bool
	Mirror      bool
	Admin       bool // the token's account may make webhooks there
	Push        bool
	Size        int64 // bytes, as Gitea estimates them
	UpdatedAt   time.Time
	PageURL     string // of the web interface, as Gitea believes it to be
}

type listedJSON struct {
	FullName      string    `json:"full_name"`
	Description   string    `json:"description"`
	Empty         bool      `json:"empty"`
	Private       bool      `json:"private"`
	Archived      bool      `json:"archived"`
	Mirror        bool      `json:"mirror"`
	Size          int64     `json:"size"` // KiB
	DefaultBranch string    `json:"default_branch"`
	HTMLURL       string    `json:"html_url"`
	UpdatedAt     time.Time `json:"updated_at"`
	Permissions   struct{ Admin, Push, Pull bool }
}

func (c *Client) listed(r listedJSON) Listed {
	return Listed{
		Repo:        Repo{FullName: r.FullName, CloneURL: c.base.JoinPath(r.FullName + ".git").String(), Auth: c.Auth(), DefaultBranch: r.DefaultBranch, Empty: r.Empty, Private: r.Private},
		Description: r.Description, Archived: r.Archived, Mirror: r.Mirror, Admin: r.Permissions.Admin, Push: r.Permissions.Push,
		Size: r.Size << 10, UpdatedAt: r.UpdatedAt, PageURL: r.HTMLURL,
	}
}

// Repos lists the repositories whose name holds match, those that the token may read, by when they were changed, the latest first. most bounds them;
// 0 is as many as there are, up to 10,000.
func (c *Client) Repos(ctx context.Context, match string, most int) ([]Listed, error) {
	var all []Listed
	for page := 1; page <= maxPages && (most <= 0 || len(all) < most); page++ {
		var got struct{ Data []listedJSON }
		query := url.Values{"q": {match}, "sort": {"updated"}, "order": {"desc"}, "page": {fmt.Sprint(page)}, "limit": {fmt.Sprint(pageSize)}}
		header, err := c.send(ctx, apiCall{doing: "list the repositories of", method: http.MethodGet, path: "/repos/search?" + query.Encode(), out: &got, needs: "the scope read:repository"})
		if err != nil {
			return nil, err
		}
		for _, r := range got.Data {
			all = append(all, c.listed(r))
		}
		if total := header.Get("X-Total-Count"); len(got.Data) == 0 || total == fmt.Sprint(len(all)) {
			break
		}
	}
	if most > 0 && len(all) > most {
		all = all[:most]
	}
	return all, nil
}

// NewRepo is a repository to be made, empty.
type NewRepo struct {
	Name          string `json:"name"`
	Description   string `json:"description"`
	Private       bool   `json:"private"`
	DefaultBranch string `json:"default_branch,omitempty"` // "" is Gitea's own choice
}

// CreateRepo makes a repository for an owner, an organisation or the token's user; "" is the token's user. One that is there is ErrExists.
func (c *Client) CreateRepo(ctx context.Context, owner string, r NewRepo) (Listed, error) {
	path, needs := "/user/repos", "the scopes write:repository and write:user"
	if owner != "" {
		me, err := c.Check(ctx)
		if err != nil {
			return Listed{}, err
		}
		if !strings.EqualFold(me.Login, owner) {
			path, needs = "/orgs/"+url.PathEscape(owner)+"/repos", "the scopes write:repository and write:organization, of an account that may create repositories in "+owner
		}
	}
	var out listedJSON
	_, err := c.send(ctx, apiCall{doing: "create the repository " + strings.TrimPrefix(owner+"/"+r.Name, "/") + " on", method: http.MethodPost, path: path, in: r, out: &out, needs: needs})
	var refused *Refused
	switch {
	case errors.As(err, &refused) && refused.Status == http.StatusConflict:
		return Listed{}, fmt.Errorf("create the repository %s on %s: %w: use it, or choose another name", r.Name, c.base, ErrExists)
	case gone(err) && owner != "":
		return Listed{}, fmt.Errorf("create the repository %s/%s on %s: %w: there is no organisation %s, or the token's account is no member; its own repositories need no owner", owner, r.Name, c.base, ErrNoOwner, owner)
	case err != nil:
		return Listed{}, err
	}
	return c.listed(out), nil
}

// DeleteRepo removes a repository with all that is in it; one that is gone already is no error.
func (c *Client) DeleteRepo(ctx context.Context, repo string) error {
	path, err := repoPath(repo, "")
	if err != nil {
		return err
	}
	_, err = c.send(ctx, apiCall{doing: "delete " + repo + " on", repo: repo, method: http.MethodDelete, path: path, needs: "the scope write:repository, of an account that administers the repository"})
	if gone(err) {
		return nil
	}
	return err
}

// Entry is a file or folder of a repository.
type Entry struct {
	Name string `json:"name"`
	Type string `json:"type"` // file, dir, symlink, submodule
	Size int64  `json:"size"` // bytes; 0 of a folder
}

// Root lists what lies at the top of a branch, tag or commit; "" is the default branch.
func (c *Client) Root(ctx context.Context, repo, ref string) ([]Entry, error) {
	path, err := repoPath(repo, "/contents")
	if err != nil {
		return nil, err
	}
	if ref != "" {
		path += "?ref=" + url.QueryEscape(ref)
	}
	var out []Entry
	_, err = c.send(ctx, apiCall{doing: "list the files of " + repo + " on", repo: repo, method: http.MethodGet, path: path, out: &out, needs: "the scope read:repository"})
	return out, err
}
