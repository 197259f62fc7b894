package gitea

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	sdk "code.gitea.io/sdk/gitea"
)

// OldestVersion is the oldest Gitea that aictl is made for.
const OldestVersion = "1.22"

// Grant is a scope that a token has or lacks.
type Grant struct {
	Scope  string // as Gitea spells it: write:repository
	For    string // what aictl does with it
	Has    bool
	Needed bool // nothing works without it
}

// Kinds of owners of repositories.
const (
	OwnerUser         = "user" // the token's own
	OwnerOrganization = "organization"
	OwnerOther        = "other" // another user, in whose name nothing can be made
	OwnerUnknown      = ""      // not there, or the token may not see it
)

// Checkup is what a connection is good for.
type Checkup struct {
	Version string
	Old     bool // than OldestVersion
	Login   string
	Admin   bool
	Scopes  []Grant
	Kind    string // of the owner that was asked for
}

// Missing are the scopes that the token lacks.
func (c Checkup) Missing() (list []Grant) {
	for _, g := range c.Scopes {
		if !g.Has {
			list = append(list, g)
		}
	}
	return list
}

// probe is a request by which Gitea tells whether a token has a scope: it looks at scopes before anything else. None of
// them changes anything, because "-" is a name that Gitea gives to nobody and a repository needs a name.
type probe struct{ scope, why, method, path string }

var probes = []probe{
	{"read:user", "tell whose token it is", http.MethodGet, "/user"},
	{"read:repository", "list, clone and deploy repositories", http.MethodGet, "/repos/search?limit=1"},
	{"write:repository", "create webhooks, report commit statuses, push and upload", http.MethodPost, "/repos/-/-/hooks"},
	{"write:user", "create repositories of the token's user", http.MethodPost, "/user/repos"},
	{"read:organization", "see whether the owner of repositories is an organization", http.MethodGet, "/orgs/-"},
	{"write:organization", "create repositories of organizations", http.MethodPost, "/orgs/-/repos"},
}

// Checkup asks what the server runs, whose the token is, which scopes it has, and what kind of owner the name is ("" is the
// token's user). A server that cannot be reached is ErrUnreachable, a token that is refused ErrAuth. Missing scopes are no error.
func (c *Client) Checkup(ctx context.Context, owner string) (Checkup, error) {
	var r Checkup
	var version struct{ Version string }
	if status, message, err := c.ask(ctx, http.MethodGet, "/version", &version); err != nil || status != http.StatusOK {
		return r, c.refusal("ask the version of", status, message, err)
	}
	r.Version, r.Old = version.Version, olderThan(version.Version, OldestVersion)
	var me struct {
		Login   string `json:"login"`
		IsAdmin bool   `json:"is_admin"`
	}
	for _, p := range probes {
		var into any
		if p.path == "/user" {
			into = &me
		}
		status, message, err := c.ask(ctx, p.method, p.path, into)
		if err != nil || status == http.StatusUnauthorized || status >= http.StatusInternalServerError {
			return r, c.refusal("check the token at", status, message, err)
		}
		required, aboutScopes := requiredScopes(message)
		if status == http.StatusForbidden && !aboutScopes {
			return r, c.refusal("check the token at", status, message, nil)
		}
		lacks := status == http.StatusForbidden && (strings.Contains(required, p.scope) || !strings.Contains(required, ":"))
		r.Scopes = append(r.Scopes, Grant{Scope: p.scope, For: p.why, Has: !lacks, Needed: p.scope == "read:repository"})
	}
	r.Login, r.Admin = me.Login, me.IsAdmin
	var err error
	r.Kind, err = c.ownerKind(ctx, owner, r.Login)
	return r, err
}

// ownerKind tells what an owner's name stands for.
func (c *Client) ownerKind(ctx context.Context, owner, login string) (string, error) {
	if owner == "" || strings.EqualFold(owner, login) {
		return OwnerUser, nil
	}
	for _, at := range []struct{ path, kind string }{{"/orgs/", OwnerOrganization}, {"/users/", OwnerOther}} {
		status, message, err := c.ask(ctx, http.MethodGet, at.path+url.PathEscape(owner), nil)
		switch {
		case err != nil || status == http.StatusUnauthorized || status >= http.StatusInternalServerError:
			return OwnerUnknown, c.refusal("look for "+owner+" on", status, message, err)
		case status == http.StatusOK:
			return at.kind, nil
		}
	}
	return OwnerUnknown, nil
}

// ask sends a call with an empty object as its body, if it has one, and returns the answer's status and what it says. A body is
// decoded for status 200 only.
func (c *Client) ask(ctx context.Context, method, path string, into any) (status int, message string, err error) {
	var body io.Reader
	if method != http.MethodGet {
		body = strings.NewReader("{}")
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base.String()+"/api/v1"+path, body)
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "token "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, apiBody))
	if err != nil {
		return res.StatusCode, "", err
	}
	if res.StatusCode == http.StatusOK && into != nil {
		return res.StatusCode, "", json.Unmarshal(data, into)
	}
	var problem struct{ Message string }
	if json.Unmarshal(data, &problem) != nil || problem.Message == "" {
		return res.StatusCode, http.StatusText(res.StatusCode), nil
	}
	return res.StatusCode, clip(problem.Message), nil
}

// clip bounds what a server's message may take in an error.
func clip(s string) string {
	const most = 300
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// refusal explains an answer that ends a check-up.
func (c *Client) refusal(doing string, status int, message string, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &kind) {
		return fmt.Errorf("%s %s: %w: this is not a Gitea, or the address lacks its path", doing, c.base, ErrUnreachable)
	}
	if err == nil {
		err = errors.New(message)
	}
	if status == http.StatusForbidden {
		return fmt.Errorf("%s %s: %w: %s", doing, c.base, ErrAuth, Mask(message, c.token))
	}
	if status == 0 {
		return c.explain(doing, "", err, nil)
	}
	return c.explain(doing, "", err, &sdk.Response{Response: &http.Response{StatusCode: status}})
}

// requiredScopes are those that a 403 asks for; ok tells such a 403 from one for another reason. Where a call takes two scopes, Gitea looks
// at one after the other and names the one that lacks. Gitea 1.22 writes "token does not have at least one of required scope(s):
// [write:repository]", newer ones "…, required=[write:repository], token scope=read:user".
func requiredScopes(message string) (required string, ok bool) {
	_, required, ok = strings.Cut(message, "required scope")
	required, _, _ = strings.Cut(required, "token scope")
	return required, ok
}

// olderThan compares the first two numbers of versions such as 1.22.3, 1.23.0+dev-12-g1234 and, of a fork, 7.0.0+gitea-1.21.11.
// What has no numbers is not old.
func olderThan(version, than string) bool {
	if _, gitea, ok := strings.Cut(version, "+gitea-"); ok {
		version = gitea
	}
	a, okA := numbers(version)
	b, okB := numbers(than)
	return okA && okB && (a[0] < b[0] || a[0] == b[0] && a[1] < b[1])
}

func numbers(version string) (n [2]int, ok bool) {
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), ".")
	minor := rest
	if end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		minor = rest[:end]
	}
	var errs [2]error
	n[0], errs[0] = strconv.Atoi(major)
	n[1], errs[1] = strconv.Atoi(minor)
	return n, errs[0] == nil && errs[1] == nil
}
