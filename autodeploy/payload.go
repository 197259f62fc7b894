package autodeploy

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of what is taken from a delivery, in bytes: it is stored.
const (
	maxName    = 300
	maxRef     = 1024
	maxAddress = 2048
	maxMessage = 4096
)

// errPayload is returned for bodies that are not what their event promises.
var errPayload = errors.New("the delivery cannot be understood")

var shaRE = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// told is what a delivery says: Change is nil when it is about nothing that could deploy.
type told struct {
	Repository string
	RepoID     int64
	Ref        string
	Change     *Change
}

// hubRepository is a repository as Gitea and GitHub write it.
type hubRepository struct {
	ID            int64  `json:"id"`
	FullName      string `json:"full_name"`
	CloneURL      string `json:"clone_url"`
	SSHURL        string `json:"ssh_url"`
	HTMLURL       string `json:"html_url"`
	DefaultBranch string `json:"default_branch"`
}

type hubUser struct {
	Login string `json:"login"`
	Name  string `json:"name"`
}

// hubEvent holds the fields of push, create, delete and pull_request that Gitea and GitHub have in common.
type hubEvent struct {
	Ref        string `json:"ref"`
	RefType    string `json:"ref_type"`
	Before     string `json:"before"`
	After      string `json:"after"`
	HeadCommit *struct {
		ID      string `json:"id"`
		Message string `json:"message"`
	} `json:"head_commit"`
	Repository  hubRepository `json:"repository"`
	Pusher      hubUser       `json:"pusher"`
	Sender      hubUser       `json:"sender"`
	Action      string        `json:"action"`
	Number      int64         `json:"number"`
	PullRequest *struct {
		Title string  `json:"title"`
		State string  `json:"state"`
		User  hubUser `json:"user"`
		Base  hubSide `json:"base"`
		Head  hubSide `json:"head"`
	} `json:"pull_request"`
}

type hubSide struct {
	Ref        string         `json:"ref"`
	SHA        string         `json:"sha"`
	Repository *hubRepository `json:"repo"`
}

// parseHub reads a delivery of Gitea or GitHub.
func parseHub(event string, body []byte) (told, error) {
	var e hubEvent
	if err := json.Unmarshal(body, &e); err != nil {
		return told{}, fmt.Errorf("%w: %w", errPayload, err)
	}
	t := told{Repository: e.Repository.FullName, RepoID: e.Repository.ID, Ref: e.Ref}
	c := Change{
		Repository: e.Repository.FullName, DefaultBranch: e.Repository.DefaultBranch, Actor: first(e.Pusher.Login, e.Pusher.Name, e.Sender.Login),
		Addresses: some(e.Repository.CloneURL, e.Repository.SSHURL, e.Repository.HTMLURL),
	}
	switch event {
	case "push":
		c.Ref, c.Before, c.After = e.Ref, e.Before, e.After
		if e.HeadCommit != nil {
			c.Commit, c.Message = e.HeadCommit.ID, e.HeadCommit.Message
		}
		c.Kind = kindOf(c)
	case "create", "delete":
		c.Kind, c.Ref = Kind(event), e.Ref
		if !strings.HasPrefix(c.Ref, "refs/") {
			c.Ref = map[string]string{"tag": "refs/tags/"}[e.RefType] + c.Ref
			if e.RefType == "branch" {
				c.Ref = "refs/heads/" + c.Ref
			}
		}
		t.Ref = c.Ref
	case "pull_request", "pull_request_sync":
		if e.PullRequest == nil {
			return t, fmt.Errorf("%w: it holds no pull request", errPayload)
		}
		c.Kind, c.Pull = KindPull, e.pull()
		t.Ref = "refs/pull/" + fmt.Sprint(c.Pull.Number) + "/head"
	default:
		return t, checkTold(&t)
	}
	t.Change = &c
	return t, checkTold(&t)
}

func (e hubEvent) pull() *Pull {
	p := e.PullRequest
	pull := &Pull{
		Number: e.Number, Action: e.Action, Closed: e.Action == "closed" || p.State == "closed", Title: p.Title, Author: p.User.Login,
		Base: p.Base.Ref, HeadRef: p.Head.Ref, Head: p.Head.SHA,
	}
	if p.Head.Repository != nil {
		pull.HeadRepository, pull.HeadAddress = p.Head.Repository.FullName, p.Head.Repository.CloneURL
	}
	return pull
}

// labEvent holds the fields of GitLab's push and tag_push events.
type labEvent struct {
	Kind        string `json:"object_kind"`
	Ref         string `json:"ref"`
	Before      string `json:"before"`
	After       string `json:"after"`
	CheckoutSHA string `json:"checkout_sha"`
	User        string `json:"user_username"`
	Project     struct {
		ID            int64  `json:"id"`
		Path          string `json:"path_with_namespace"`
		HTTP          string `json:"git_http_url"`
		SSH           string `json:"git_ssh_url"`
		Web           string `json:"web_url"`
		DefaultBranch string `json:"default_branch"`
	} `json:"project"`
	Commits []struct {
		ID      string `json:"id"`
		Message string `json:"message"`
	} `json:"commits"`
}

// parseLab reads a delivery of GitLab.
func parseLab(_ string, body []byte) (told, error) {
	var e labEvent
	if err := json.Unmarshal(body, &e); err != nil {
		return told{}, fmt.Errorf("%w: %w", errPayload, err)
	}
	t := told{Repository: e.Project.Path, RepoID: e.Project.ID, Ref: e.Ref}
	if e.Kind == "push" || e.Kind == "tag_push" {
		c := Change{
			Repository: e.Project.Path, DefaultBranch: e.Project.DefaultBranch, Actor: e.User, Addresses: some(e.Project.HTTP, e.Project.SSH, e.Project.Web),
			Ref: e.Ref, Before: e.Before, After: e.After, Commit: e.CheckoutSHA,
		}
		for _, commit := range e.Commits {
			if commit.ID == c.commit() {
				c.Message = commit.Message
			}
		}
		c.Kind = kindOf(c)
		t.Change = &c
	}
	return t, checkTold(&t)
}

// kindOf tells a push from the making of a tag and the end of either.
func kindOf(c Change) Kind {
	_, tag := c.tag()
	switch {
	case zero(c.After):
		return KindDelete
	case tag:
		return KindTag
	}
	return KindPush
}

// checkTold refuses what no forge sends, and cuts what people wrote to what is kept of it.
func checkTold(t *told) error {
	if !plain(t.Repository, maxName) || !plain(t.Ref, maxRef) {
		return fmt.Errorf("%w: the repository's name or the reference is none", errPayload)
	}
	c := t.Change
	if c == nil {
		return nil
	}
	if c.Repository == "" {
		return fmt.Errorf("%w: it names no repository", errPayload)
	}
	shas := []string{c.Before, c.After, c.Commit}
	if c.Pull == nil && !strings.HasPrefix(c.Ref, "refs/") {
		return fmt.Errorf("%w: %.80q is no full reference", errPayload, c.Ref)
	}
	if c.Kind == KindPush && zero(c.After) {
		return fmt.Errorf("%w: the push has no commit", errPayload)
	}
	if p := c.Pull; p != nil {
		if p.Number <= 0 || !plain(p.Base, maxRef) || !plain(p.HeadRef, maxRef) || !plain(p.HeadRepository, maxName) || !plain(p.HeadAddress, maxAddress) {
			return fmt.Errorf("%w: the pull request is none", errPayload)
		}
		p.Title, p.Author, p.Action = cut(p.Title, maxName), cut(p.Author, maxName), cut(p.Action, maxName)
		shas = append(shas, p.Head)
	}
	for _, sha := range shas {
		if sha != "" && !shaRE.MatchString(sha) {
			return fmt.Errorf("%w: %.80q is no commit", errPayload, sha)
		}
	}
	for _, address := range c.Addresses {
		if !plain(address, maxAddress) {
			return fmt.Errorf("%w: an address of the repository is none", errPayload)
		}
	}
	if !plain(c.DefaultBranch, maxRef) {
		c.DefaultBranch = ""
	}
	c.Message, c.Actor = cut(c.Message, maxMessage), cut(c.Actor, maxName)
	return nil
}

// plain reports whether a text is short, and without control characters.
func plain(s string, most int) bool {
	return len(s) <= most && utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

// cut is the beginning of a text, whole characters of it.
func cut(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "")
}

// first is the first text that is not empty.
func first(texts ...string) string {
	for _, s := range texts {
		if s != "" {
			return s
		}
	}
	return ""
}

// some are the texts that are not empty.
func some(texts ...string) []string {
	var out []string
	for _, s := range texts {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}
