package gitea

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
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
	if _, err := c.send(ctx, apiCall{doing: "ask the version of", method: http.MethodGet, path: "/version", out: &version, needs: "an account that may sign in"}); err != nil {
		return r, err
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
		status, message, err := c.ask(ctx, "check the token at", p.method, p.path, into)
		if err != nil {
			return r, err
		}
		required, aboutScopes := requiredScopes(message)
		if status == http.StatusForbidden && !aboutScopes {
			return r, fmt.Errorf("check the token at %s: %w: %s", c.base, ErrAuth, message)
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
		status, _, err := c.ask(ctx, "look for "+owner+" on", http.MethodGet, at.path+url.PathEscape(owner), nil)
		if err != nil {
			return OwnerUnknown, err
		}
		if status == http.StatusOK {
			return at.kind, nil
		}
	}
	return OwnerUnknown, nil
}

// ask sends a call with an empty object as its body, if it has one, and returns the answer's status and what it says: many an answer is no
// error here. An error is a server that could not be asked, or that is no Gitea.
func (c *Client) ask(ctx context.Context, doing, method, path string, into any) (status int, message string, err error) {
	call := apiCall{doing: doing, method: method, path: path, out: into, needs: "another token"}
	if method != http.MethodGet {
		call.in = struct{}{}
	}
	_, err = c.send(ctx, call)
	var said *Refused
	switch {
	case err == nil:
		return http.StatusOK, "", nil
	case !errors.As(err, &said):
		return 0, "", err
	case said.Status == http.StatusUnauthorized || said.Status >= http.StatusInternalServerError || said.Status < http.StatusBadRequest:
		return said.Status, said.Message, err
	}
	return said.Status, said.Message, nil
}

// clip bounds what a server's message may take in an error.
func clip(s string) string {
	const most = 300
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
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
