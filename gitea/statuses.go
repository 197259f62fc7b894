package gitea

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// State is what a status says of a commit.
type State string

// The states that Gitea knows. There is none for "deployed".
const (
	StatePending State = "pending"
	StateSuccess State = "success"
	StateFailure State = "failure"
	StateError   State = "error"
)

// Status is what somebody says about a commit; the newest one of a context counts.
type Status struct {
	State       State     `json:"state"`
	Context     string    `json:"context"` // who says it: aictl/ocr
	Description string    `json:"description"`
	TargetURL   string    `json:"target_url"` // "" for none
	Created     time.Time `json:"-"`
}

// maxDescription keeps a status within what a page shows and a database takes.
const maxDescription = 140

// SetStatus reports on a commit, given by its full SHA.
func (c *Client) SetStatus(ctx context.Context, repo, sha string, s Status) error {
	path, err := repoPath(repo, "/statuses/"+url.PathEscape(sha))
	if err != nil {
		return err
	}
	if s.Description = strings.Join(strings.Fields(s.Description), " "); len(s.Description) > maxDescription {
		s.Description = strings.ToValidUTF8(s.Description[:maxDescription-len("…")], "") + "…"
	}
	_, err = c.send(ctx, apiCall{
		doing: "report the status of commit " + shortSHA(sha) + " of " + repo + " on", repo: repo, method: http.MethodPost, path: path, in: s,
		needs: "the scope write:repository, of an account that may write to the repository",
	})
	return err
}

// Statuses lists what was said about a commit, the newest first.
func (c *Client) Statuses(ctx context.Context, repo, sha string) ([]Status, error) {
	path, err := repoPath(repo, "/commits/"+url.PathEscape(sha)+"/statuses")
	if err != nil {
		return nil, err
	}
	type said struct {
		Status
		Said State     `json:"status"`
		At   time.Time `json:"created_at"`
	}
	got, err := pages[said](ctx, c, apiCall{
		doing: "list the statuses of commit " + shortSHA(sha) + " of " + repo + " on", repo: repo, method: http.MethodGet, path: path, needs: "the scope read:repository",
	}, 0)
	all := make([]Status, len(got))
	for i, s := range got {
		all[i] = s.Status
		all[i].State, all[i].Created = s.Said, s.At
	}
	return all, err
}

// shortSHA is how people say a commit.
func shortSHA(sha string) string { return sha[:min(len(sha), 12)] }
