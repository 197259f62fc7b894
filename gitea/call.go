package gitea

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	sdk "code.gitea.io/sdk/gitea"
)

// Refused is an answer of a Gitea that is none of the usual faults, or the usual fault with its status: errors.As tells what was said.
type Refused struct {
	Status  int    // of the answer
	Message string // Gitea's own words
}

func (r *Refused) Error() string { return fmt.Sprintf("status %d: %s", r.Status, r.Message) }

// apiCall is one call of the API.
type apiCall struct {
	doing  string // "list the hooks of ai/ocr on"; the address follows
	repo   string // owner/name when the call is about one
	needs  string // what the token needs for it
	method string
	path   string // below /api/v1
	in     any    // sent as JSON unless nil
	out    any    // filled from the answer unless nil
}

// repoPath is the path of a repository's part of the API.
func repoPath(fullName, sub string) (string, error) {
	owner, name, ok := strings.Cut(fullName, "/")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") {
		return "", fmt.Errorf("%w: %q is not of the form owner/repository", ErrNotRepository, fullName)
	}
	return "/repos/" + url.PathEscape(owner) + "/" + url.PathEscape(strings.TrimSuffix(name, ".git")) + sub, nil
}

// send sends one call and explains what goes wrong with it. The answer's header is nil when there was none.
func (c *Client) send(ctx context.Context, k apiCall) (http.Header, error) {
	var body io.Reader
	if k.in != nil {
		data, err := json.Marshal(k.in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, k.method, c.base.String()+"/api/v1"+k.path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	if k.in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "token "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.explain(k.doing, k.repo, err, nil)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body) // which ends after apiBody
	if err != nil {
		return nil, c.explain(k.doing, k.repo, err, nil)
	}
	if res.StatusCode >= 300 {
		return res.Header, c.refused(k, res, data)
	}
	if k.out != nil {
		if err := json.Unmarshal(data, k.out); err != nil {
			return nil, fmt.Errorf("%s %s: %w: its answer is not what a Gitea says (%w); check the address", k.doing, c.base, ErrUnreachable, err)
		}
	}
	return res.Header, nil
}

// refused explains an answer that is not a good one.
func (c *Client) refused(k apiCall, res *http.Response, data []byte) error {
	var said struct{ Message string }
	if json.Unmarshal(data, &said) != nil || said.Message == "" {
		said.Message = http.StatusText(res.StatusCode)
	}
	r := &Refused{res.StatusCode, clip(Mask(said.Message, c.token))}
	what := k.doing + " " + c.base.String()
	switch {
	case res.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%s: %w: the token may not do this; it needs %s (%w)", what, ErrAuth, k.needs, r)
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return fmt.Errorf("%s: %w: it sends elsewhere, to %s; connect to that address (%w)", what, ErrUnreachable, res.Header.Get("Location"), r)
	case res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusNotFound, res.StatusCode >= 500:
		return fmt.Errorf("%w (%w)", c.explain(k.doing, k.repo, r, &sdk.Response{Response: res}), r)
	}
	return fmt.Errorf("%s: %w", what, r)
}

// The most that is read of a list: more is cut, and the caller told.
const (
	pageSize = 50
	maxPages = 200
)

// pages reads a list to its end, page by page; most bounds its items, 0 is what maxPages hold. Gitea decides how long a page is, so only an empty
// one or the count that it tells is the end.
func pages[T any](ctx context.Context, c *Client, k apiCall, most int) (all []T, err error) {
	sep := "?"
	if strings.Contains(k.path, "?") {
		sep = "&"
	}
	path := k.path
	for page := 1; page <= maxPages && (most <= 0 || len(all) < most); page++ {
		var got []T
		k.path, k.out = fmt.Sprintf("%s%spage=%d&limit=%d", path, sep, page, pageSize), &got
		header, err := c.send(ctx, k)
		if err != nil {
			return nil, err
		}
		all = append(all, got...)
		if total := header.Get("X-Total-Count"); len(got) == 0 || total != "" && total == fmt.Sprint(len(all)) {
			break
		}
	}
	if most > 0 && len(all) > most {
		all = all[:most]
	}
	return all, nil
}
