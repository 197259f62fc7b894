package autodeploy

import (
	"strings"
	"testing"

	"aictl/configs"
	"aictl/gitea"
	"aictl/store"
)

const (
	shaA  = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	shaB  = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	zeros = "0000000000000000000000000000000000000000"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	auto := configs.DeploySection{Auto: true}
	push := Change{Kind: KindPush, Ref: "refs/heads/main", Before: shaA, After: shaB, DefaultBranch: "main"}
	with := func(c Change, f func(*Change)) Change { f(&c); return c }
	tag := Change{Kind: KindTag, Ref: "refs/tags/v1.2", Before: zeros, After: shaA, Commit: shaB}
	for _, c := range []struct {
		what       string
		change     Change
		target     Target
		deploy     bool
		considered bool
		files      bool
		why        string
	}{
		{what: "a push to the default branch", change: push, target: Target{Section: auto}, deploy: true, why: "push to main"},
		{what: "to another one", change: with(push, func(c *Change) { c.Ref = "refs/heads/dev" }), target: Target{Section: auto}, why: "deployed from main"},
		{what: "to the service's ref", change: with(push, func(c *Change) { c.Ref = "refs/heads/dev" }), target: Target{Ref: "dev", Section: auto}, deploy: true, why: "push to dev"},
		{what: "the service's ref is a full one", change: push, target: Target{Ref: "refs/heads/main", Section: auto}, deploy: true},
		{what: "to the section's branch", change: push, target: Target{Ref: "dev", Section: configs.DeploySection{Auto: true, Branch: "main"}}, deploy: true},
		{what: "a branch with slashes", change: with(push, func(c *Change) { c.Ref = "refs/heads/release/1.x" }), target: Target{Ref: "release/1.x", Section: auto}, deploy: true},
		{what: "a service of a commit follows no branch", change: push, target: Target{Ref: shaA, Section: auto}, why: "deployed from " + shaA},
		{what: "a default branch that is not known", change: with(push, func(c *Change) { c.DefaultBranch = "" }), target: Target{Section: auto}, why: "not known"},
		{what: "a new branch", change: with(push, func(c *Change) { c.Before = zeros }), target: Target{Section: auto}, deploy: true},
		{what: "switched off", change: push, target: Target{Section: configs.DeploySection{}}, why: "deploy.auto is off"},
		{what: "paused", change: push, target: Target{Section: auto, Paused: "rolled back"}, why: "paused: rolled back"},
		{what: "a branch that is gone", change: with(push, func(c *Change) { c.Kind, c.After = KindDelete, zeros }), target: Target{Section: auto}, why: "stays as it is"},
		{what: "gone, told as a push of nothing", change: with(push, func(c *Change) { c.After = zeros }), target: Target{Section: auto}, why: "stays as it is"},
		{what: "a delete event without commits", change: Change{Kind: KindDelete, Ref: "refs/heads/main"}, target: Target{Section: auto}, why: "main was deleted"},
		{what: "a create event", change: Change{Kind: KindCreate, Ref: "refs/heads/main"}, target: Target{Section: auto}, why: "its push"},
		{what: "a test delivery", change: with(push, func(c *Change) { c.Before = shaB }), target: Target{Section: auto}, why: "test delivery"},
		{what: "skip deploy", change: with(push, func(c *Change) { c.Message = "fix\n\n[Skip Deploy]" }), target: Target{Section: auto}, considered: true, why: "[skip deploy]"},
		{what: "skip ci", change: with(push, func(c *Change) { c.Message = "docs [skip ci]\n" }), target: Target{Section: auto}, considered: true, why: "[skip ci]"},
		{what: "skip on another branch is not considered", change: with(push, func(c *Change) { c.Message, c.Ref = "[skip ci]", "refs/heads/x" }), target: Target{Section: auto}, why: "deployed from main"},
		{what: "a pause does not consider what is skipped", change: with(push, func(c *Change) { c.Message = "[skip ci]" }), target: Target{Section: auto, Paused: "x"}, why: "paused"},
		{what: "a tag without patterns", change: tag, target: Target{Section: auto}, why: "deploy.tags"},
		{what: "a tag", change: tag, target: Target{Section: configs.DeploySection{Auto: true, Tags: []string{"v*"}}}, deploy: true, why: "tag v1.2"},
		{what: "a tag of another kind", change: tag, target: Target{Section: configs.DeploySection{Auto: true, Tags: []string{"release-*"}}}, why: "deploy.tags"},
		{what: "tags look at no files", change: tag, target: Target{Section: configs.DeploySection{Auto: true, Tags: []string{"v*"}, Paths: []string{"x"}}}, deploy: true},
		{what: "only tags deploy when no branch is named", change: push, target: Target{Section: configs.DeploySection{Auto: true, Tags: []string{"v*"}}}, why: "only tags"},
		{what: "tags and a branch", change: push, target: Target{Section: configs.DeploySection{Auto: true, Branch: "main", Tags: []string{"v*"}}}, deploy: true},
		{what: "a moved tag", change: with(tag, func(c *Change) { c.Before = shaB }), target: Target{Section: configs.DeploySection{Auto: true, Tags: []string{"v*"}}}, deploy: true},
		{what: "a note is neither", change: with(push, func(c *Change) { c.Ref = "refs/notes/commits" }), target: Target{Section: auto}, why: "no branch and no tag"},
		{what: "files decide", change: push, target: Target{Section: configs.DeploySection{Auto: true, Ignore: []string{"docs"}}}, deploy: true, files: true},
	} {
		v := Decide(c.change, c.target)
		if v.Deploy != c.deploy || v.Considered != c.considered || v.Files != c.files || !strings.Contains(v.Why, c.why) {
			t.Errorf("%s: %+v", c.what, v)
		}
	}
}

func TestByFiles(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		paths, ignore, files []string
		deploy               bool
	}{
		{files: []string{"a"}, deploy: true},
		{files: nil},
		{paths: []string{"*.py"}, files: []string{"x.md", "sub/y.py"}, deploy: true},
		{paths: []string{"*.py"}, files: []string{"x.md"}},
		{ignore: []string{"docs"}, files: []string{"docs/x", "docs/y"}},
		{ignore: []string{"docs"}, files: []string{"docs/x", "main.py"}, deploy: true},
		{paths: []string{"svc/**"}, ignore: []string{"*.md"}, files: []string{"svc/readme.md", "other/main.py"}},
	} {
		v := Verdict{Deploy: true, Files: true, Why: "push to main"}.ByFiles(configs.DeploySection{Paths: c.paths, Ignore: c.ignore}, c.files)
		if v.Deploy != c.deploy || v.Considered == c.deploy || v.Files || v.Why == "" {
			t.Errorf("%+v: %+v", c, v)
		}
	}
}

func TestConcerns(t *testing.T) {
	t.Parallel()
	forge := connection(t, "https://Git.example.com/")
	c := Change{Repository: "Team/OCR", Addresses: []string{
		"https://git.example.com/Team/OCR.git", "git@git.example.com:Team/OCR.git", "https://git.example.com/Team/OCR", "/srv/git/ocr.git",
	}}
	for url, want := range map[string]bool{
		"https://git.example.com/team/ocr":              true,
		"https://git.example.com:443/Team/OCR.git/":     true,
		"ssh://git@git.example.com/Team/OCR.git":        true,
		"ssh://git@git.example.com:22/Team/OCR":         true,
		"git@git.example.com:Team/OCR":                  true,
		"ssh://git@git.example.com:2222/Team/OCR.git":   false,
		"http://git.example.com/Team/OCR.git":           false,
		"https://git.example.com/Team/OCR2":             false,
		"https://evil.example.com/Team/OCR.git":         false,
		"https://git.example.com/x/../Team/OCR.git":     true,
		"file:///srv/git/ocr":                           true,
		"/srv/git/ocr.git":                              true,
		"https://user:secret@git.example.com/Team/OCR/": true,
		"": false,
	} {
		if got := concerns(c, addressOf(store.Source{Kind: "git", URL: url}, nil)); got != want {
			t.Errorf("%s: %v", url, got)
		}
	}
	if !concerns(c, addressOf(store.Source{Kind: "gitea", URL: "team/ocr"}, []gitea.Connection{forge})) {
		t.Error("owner/repo of the connected Gitea is not found")
	}
	if concerns(c, addressOf(store.Source{Kind: "gitea", URL: "team/ocr"}, nil)) || concerns(c, addressOf(store.Source{Kind: "dir", URL: "/srv/git/ocr.git"}, nil)) {
		t.Error("a folder, or a Gitea that is not connected, is found")
	}
	hosted := Change{Repository: "ocr", Hosted: true}
	if !concerns(hosted, addressOf(store.Source{Kind: "hosted", URL: "ocr"}, nil)) || concerns(c, addressOf(store.Source{Kind: "hosted", URL: "Team/OCR"}, nil)) {
		t.Error("hosted repositories are mistaken")
	}
}

func connection(t *testing.T, url string) gitea.Connection {
	t.Helper()
	client, err := gitea.NewClient(gitea.ClientConfig{URL: url, Token: "t"})
	if err != nil {
		t.Fatal(err)
	}
	return gitea.Connection{Name: "main", Secret: "s3cret", Client: client}
}

var sectionOfFuzz = configs.DeploySection{Auto: true, Branch: "main", Tags: []string{"*"}}
