package gitea

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// needsHooks is what a token needs for webhooks.
const needsHooks = "the scope write:repository, of an account that administers the repository"

// HookEvents are the events that aictl's webhooks are for: what moves branches and tags, and pull requests.
var HookEvents = []string{"push", "create", "delete", "pull_request"}

// Hook is a webhook of a repository. Gitea never tells its secret.
type Hook struct {
	ID           int64
	Type         string // gitea, slack …
	URL          string
	ContentType  string // json, form
	Events       []string
	BranchFilter string
	Active       bool
}

// HookWish is how a webhook is to be. It is of Gitea's own type, sends JSON, for all branches, and is switched on.
type HookWish struct {
	URL    string
	Secret string   // signs the deliveries; must not be empty
	Events []string // nil is HookEvents
}

// Fits tells what of a hook is not as wished, "" when it is. The secret cannot be compared.
func (h Hook) Fits(w HookWish) string {
	switch {
	case h.Type != "gitea":
		return "it is of type " + h.Type
	case h.ContentType != "json":
		return "it sends " + h.ContentType + " instead of json, whose signature cannot be checked"
	case !h.Active:
		return "it is switched off"
	case h.BranchFilter != "" && h.BranchFilter != "*":
		return "it is limited to the branches " + h.BranchFilter
	}
	for _, event := range w.events() {
		if !slices.Contains(h.Events, event) {
			return "it does not tell of " + event
		}
	}
	if slices.Contains(w.events(), "pull_request") && !slices.Contains(h.Events, "pull_request_sync") {
		return "it does not tell of pull_request_sync"
	}
	return ""
}

func (w HookWish) events() []string {
	if w.Events == nil {
		return HookEvents
	}
	return w.Events
}

type hookJSON struct {
	ID     int64             `json:"id,omitempty"`
	Type   string            `json:"type,omitempty"`
	Config map[string]string `json:"config"`
	Events []string          `json:"events"`
	Filter string            `json:"branch_filter"`
	Active bool              `json:"active"`
}

func (h hookJSON) hook() Hook {
	return Hook{h.ID, h.Type, h.Config["url"], h.Config["content_type"], h.Events, h.Filter, h.Active}
}

var errNoSecret = errors.New("a webhook without a secret cannot be told from a forged one; give it a secret")

func (w HookWish) option() (hookJSON, error) {
	if w.Secret == "" {
		return hookJSON{}, errNoSecret
	}
	return hookJSON{Type: "gitea", Events: w.events(), Active: true, Config: map[string]string{"url": w.URL, "content_type": "json", "secret": w.Secret}}, nil
}

// hookCall prepares a call about the hooks of a repository.
func hookCall(doing, repo, method, sub string) (apiCall, error) {
	path, err := repoPath(repo, "/hooks"+sub)
	return apiCall{doing: doing + " " + repo + " on", repo: repo, needs: needsHooks, method: method, path: path}, err
}

// Hooks lists the webhooks of a repository, owner/name.
func (c *Client) Hooks(ctx context.Context, repo string) ([]Hook, error) {
	k, err := hookCall("list the webhooks of", repo, http.MethodGet, "")
	if err != nil {
		return nil, err
	}
	got, err := pages[hookJSON](ctx, c, k, 0)
	hooks := make([]Hook, len(got))
	for i, h := range got {
		hooks[i] = h.hook()
	}
	return hooks, err
}

// CreateHook makes a webhook.
func (c *Client) CreateHook(ctx context.Context, repo string, w HookWish) (Hook, error) {
	const doing = "create a webhook of"
	in, err := w.option()
	if err != nil {
		return Hook{}, fmt.Errorf("%s %s: %w", doing, repo, err)
	}
	k, err := hookCall(doing, repo, http.MethodPost, "")
	if err != nil {
		return Hook{}, err
	}
	var out hookJSON
	k.in, k.out = in, &out
	_, err = c.send(ctx, k)
	return out.hook(), err
}

// ReplaceHook makes a webhook as it is wished, in place of another: Gitea lets nobody change a secret. The new one is there before the old one goes,
// so that no push is missed; one between the two is told twice.
func (c *Client) ReplaceHook(ctx context.Context, repo string, id int64, w HookWish) (Hook, error) {
	made, err := c.CreateHook(ctx, repo, w)
	if err != nil {
		return Hook{}, err
	}
	return made, c.DeleteHook(ctx, repo, id)
}

// DeleteHook removes a webhook; one that is gone already is no error.
func (c *Client) DeleteHook(ctx context.Context, repo string, id int64) error {
	k, err := hookCall(fmt.Sprintf("delete webhook %d of", id), repo, http.MethodDelete, fmt.Sprintf("/%d", id))
	if err != nil {
		return err
	}
	_, err = c.send(ctx, k)
	if gone(err) {
		return nil
	}
	return err
}

// TestHook has a delivery sent to a webhook, a push of the default branch's newest commit. It returns when Gitea has queued it: whether it arrives is
// for the receiver to see, because Gitea does not tell, not even when its ALLOWED_HOST_LIST forbids it.
func (c *Client) TestHook(ctx context.Context, repo string, id int64) error {
	k, err := hookCall(fmt.Sprintf("test webhook %d of", id), repo, http.MethodPost, fmt.Sprintf("/%d/tests", id))
	if err != nil {
		return err
	}
	_, err = c.send(ctx, k)
	return err
}

// gone reports whether a call was answered with 404.
func gone(err error) bool {
	var r *Refused
	return errors.As(err, &r) && r.Status == http.StatusNotFound
}
