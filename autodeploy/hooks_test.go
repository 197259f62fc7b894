package autodeploy

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"aictl/configs"
	"aictl/gitea"
	"aictl/internal/giteatest"
	"aictl/store"
)

// hookRig has repositories without hooks, and an engine that knows its own address.
func hookRig(t *testing.T) *rig {
	r := newRig(t)
	r.engine.HookBase = func(context.Context, string) (string, error) { return r.web.URL + "/", nil }
	r.engine.TestTime = 30 * time.Second
	repo := r.git.Repo(t, "team", "ocr")
	first := repo.Push(t, giteatest.Change{Files: map[string]string{"main.py": "1"}})
	r.service("ocr", giteaSource("ocr"), first, configs.DeploySection{Auto: true})
	r.service("ocr-2", store.Source{Kind: "git", URL: repo.CloneURL()}, first, configs.DeploySection{Auto: true})
	return r
}

func (r *rig) hooks() []gitea.Hook {
	r.t.Helper()
	hooks, err := r.conn.Client.Hooks(r.t.Context(), "team/ocr")
	if err != nil {
		r.t.Fatal(err)
	}
	return hooks
}

func (r *rig) set(services ...string) []HookResult {
	r.t.Helper()
	list, err := r.engine.SetHooks(r.t.Context(), services)
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

func TestOneHookPerRepository(t *testing.T) {
	t.Parallel()
	r := hookRig(t)
	list := r.set()
	if len(list) != 1 || list[0].Action != HookCreated || len(list[0].Services) != 2 || list[0].Forge != "main" || list[0].Test == nil || !list[0].Test.Arrived {
		t.Fatalf("%+v %+v", list, list[0].Test)
	}
	if hooks := r.hooks(); len(hooks) != 1 || hooks[0].ID != list[0].ID || hooks[0].URL != r.web.URL+"/hooks/gitea" || hooks[0].ContentType != "json" {
		t.Errorf("%+v", hooks)
	}
	if list = r.set("ocr-2"); len(list) != 1 || list[0].Action != HookGood || !list[0].Test.Arrived {
		t.Errorf("a good one: %+v", list)
	}
	if hooks := r.hooks(); len(hooks) != 1 {
		t.Errorf("%+v", hooks)
	}
}

func TestHooksAreRepaired(t *testing.T) {
	t.Parallel()
	r := hookRig(t)
	ctx, client := t.Context(), r.conn.Client
	other, err := client.CreateHook(ctx, "team/ocr", gitea.HookWish{URL: "http://127.0.0.1:1/hooks/gitea", Secret: "x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, why string
		wish      gitea.HookWish
	}{
		{"another secret", "another secret", gitea.HookWish{Secret: "another"}},
		{"too few events", "does not tell of", gitea.HookWish{Secret: testSecret, Events: []string{"push"}}},
	} {
		for _, h := range r.hooks() {
			if h.ID != other.ID {
				if err := client.DeleteHook(ctx, "team/ocr", h.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		c.wish.URL = r.web.URL + "/hooks/gitea"
		if _, err := client.CreateHook(ctx, "team/ocr", c.wish); err != nil {
			t.Fatal(err)
		}
		list := r.set("ocr")
		if list[0].Action != HookReplaced || !strings.Contains(list[0].Why, c.why) || list[0].Test == nil || !list[0].Test.Arrived {
			t.Errorf("%s: %+v %+v", c.what, list[0], list[0].Test)
		}
		if hooks := r.hooks(); len(hooks) != 2 {
			t.Errorf("%s: %+v", c.what, hooks)
		}
	}
}

// TestHooksThatGiteaDrops is what a Gitea does as it comes: it says that the test is sent, and sends nothing.
func TestHooksThatGiteaDrops(t *testing.T) {
	t.Parallel()
	r := hookRig(t)
	r.engine.TestTime = 300 * time.Millisecond
	r.git.SetAllowedHosts("external")
	list := r.set("ocr")
	if list[0].Action != HookCreated || list[0].Test == nil || list[0].Test.Arrived || !strings.Contains(list[0].Test.Advice, "ALLOWED_HOST_LIST") {
		t.Errorf("%+v %+v", list[0], list[0].Test)
	}
	list, err := r.engine.TestHooks(t.Context(), []string{"ocr"})
	if err != nil || list[0].Action != HookFailed || !strings.Contains(list[0].Error, "ALLOWED_HOST_LIST") || !strings.Contains(list[0].Error, r.web.URL) {
		t.Errorf("%+v, %v", list, err)
	}
	r.git.SetAllowedHosts("loopback")
	r.engine.TestTime = 30 * time.Second
	if list, err = r.engine.TestHooks(t.Context(), nil); err != nil || list[0].Action != HookGood || list[0].Test.Delivery == "" {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestHooksElsewhere(t *testing.T) {
	t.Parallel()
	r := hookRig(t)
	for name, src := range map[string]store.Source{
		"hub": {Kind: "git", URL: "https://github.com/o/r.git"}, "lab": {Kind: "git", URL: "git@gitlab.example.com:o/r.git"},
		"folder": {Kind: "dir", URL: "/srv/x"}, "local": {Kind: "git", URL: "file:///srv/y.git"}, "own": {Kind: "hosted", URL: "own"},
	} {
		r.service(name, src, shaA, configs.DeploySection{Auto: true})
	}
	for name, want := range map[string]HookResult{
		"hub": {Action: HookManual, URL: r.web.URL + "/hooks/github", Secret: testSecret}, "lab": {Action: HookManual, URL: r.web.URL + "/hooks/gitlab", Secret: testSecret},
		"folder": {Action: HookNone}, "local": {Action: HookNone}, "own": {Action: HookNone},
	} {
		got := r.set(name)
		if len(got) != 1 || got[0].Action != want.Action || got[0].URL != want.URL || got[0].Secret != want.Secret || got[0].Why == "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, err := r.engine.SetHooks(t.Context(), []string{"none"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("%v", err)
	}
	r.git.Revoke(r.token)
	if list := r.set("ocr"); list[0].Action != HookFailed || list[0].Error == "" {
		t.Errorf("%+v", list[0])
	}
}
