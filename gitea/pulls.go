package gitea

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// Pull is a pull request.
type Pull struct {
	Number  int64
	Title   string
	Author  string
	Open    bool
	Merged  bool
	Draft   bool
	Base    string // branch it is for
	HeadRef string // branch it is from
	Head    string // full SHA
	// HeadRepository is where it comes from: the same repository, a fork, or "" when that fork is gone.
	HeadRepository string
	PageURL        string // as Gitea believes it to be
	UpdatedAt      time.Time
}

type pullJSON struct {
	Number int64  `json:"number"`
	Title  string `json:"title"`
	State  string `json:"state"`
	Merged bool   `json:"merged"`
	Draft  bool   `json:"draft"`
	User   struct {
		Login string `json:"login"`
	} `json:"user"`
	Base      sideJSON  `json:"base"`
	Head      sideJSON  `json:"head"`
	HTMLURL   string    `json:"html_url"`
	UpdatedAt time.Time `json:"updated_at"`
}

type sideJSON struct {
	Ref  string `json:"ref"`
	SHA  string `json:"sha"`
	Repo *struct {
		FullName string `json:"full_name"`
	} `json:"repo"`
}

func (p pullJSON) pull() Pull {
	out := Pull{Number: p.Number, Title: p.Title, Author: p.User.Login, Open: p.State == "open", Merged: p.Merged, Draft: p.Draft,
		Base: p.Base.Ref, HeadRef: p.Head.Ref, Head: p.Head.SHA, PageURL: p.HTMLURL, UpdatedAt: p.UpdatedAt}
	if p.Head.Repo != nil {
		out.HeadRepository = p.Head.Repo.FullName
	}
	return out
}

const (
	needsPulls     = "the scope read:repository"
	needsPullWrite = "the scope write:repository, of an account that may write to the repository"
)

// Pulls lists the open pull requests of a repository, the latest first; most bounds them, 0 is as many as there are.
func (c *Client) Pulls(ctx context.Context, repo string, most int) ([]Pull, error) {
	path, err := repoPath(repo, "/pulls?state=open")
	if err != nil {
		return nil, err
	}
	got, err := pages[pullJSON](ctx, c, apiCall{doing: "list the pull requests of " + repo + " on", repo: repo, needs: needsPulls, method: http.MethodGet, path: path}, most)
	all := make([]Pull, len(got))
	for i, p := range got {
		all[i] = p.pull()
	}
	return all, err
}

// Pull returns one pull request.
func (c *Client) Pull(ctx context.Context, repo string, number int64) (Pull, error) {
	return c.onePull(ctx, "find", repo, http.MethodGet, fmt.Sprintf("/pulls/%d", number), nil, needsPulls)
}

// CreatePull opens a pull request between two branches of a repository.
func (c *Client) CreatePull(ctx context.Context, repo, head, base, title string) (Pull, error) {
	return c.onePull(ctx, "create a pull request in", repo, http.MethodPost, "/pulls", map[string]string{"head": head, "base": base, "title": title}, needsPullWrite)
}

// ClosePull closes a pull request without merging it.
func (c *Client) ClosePull(ctx context.Context, repo string, number int64) (Pull, error) {
	return c.onePull(ctx, "close a pull request of", repo, http.MethodPatch, fmt.Sprintf("/pulls/%d", number), map[string]string{"state": "closed"}, needsPullWrite)
}

func (c *Client) onePull(ctx context.Context, doing, repo, method, sub string, in any, needs string) (Pull, error) {
	path, err := repoPath(repo, sub)
	if err != nil {
		return Pull{}, err
	}
	var out pullJSON
	_, err = c.send(ctx, apiCall{doing: doing + " " + repo + " on", repo: repo, needs: needs, method: method, path: path, in: in, out: &out})
	return out.pull(), err
}
