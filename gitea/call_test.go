package gitea

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"aictl/internal/giteatest"
)

// TestCallFaults shows what is said of answers that are not as they should be.
func TestCallFaults(t *testing.T) {
	g := giteatest.New(t, giteatest.Options{})
	g.Repo(t, "ai", "ocr")
	token := g.Token("ai", "all")
	c := client(t, g.URL, token)
	answer := func(status int, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Location", "https://elsewhere.example.com/")
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			return true
		}
	}
	for _, tc := range []struct {
		name string
		with func(http.ResponseWriter, *http.Request) bool
		kind error
		says string
	}{
		{"a page of something else", answer(200, "<html>"), ErrUnreachable, "not what a Gitea says"},
		{"an endless answer", answer(200, strings.Repeat(" ", apiBody+1)), nil, "too long"},
		{"elsewhere", answer(304, ""), ErrUnreachable, "elsewhere.example.com"},
		{"broken", answer(502, "bad gateway"), ErrUnreachable, "502"},
		{"a message that is a book", answer(422, `{"message":"`+strings.Repeat("x", 10000)+`"}`), nil, "xxx…"},
		{"one that tells the token", answer(403, `{"message":"token `+token+` is bad"}`), ErrAuth, "write:repository"},
		{"revoked", answer(401, `{"message":"no"}`), ErrAuth, "make a new one"},
	} {
		undo := g.Intercept(tc.with)
		_, err := c.Hooks(t.Context(), "ai/ocr")
		undo()
		if err == nil || tc.kind != nil && !errors.Is(err, tc.kind) || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), token) || len(err.Error()) > 1000 {
			t.Errorf("%s: %.300v", tc.name, err)
		}
	}
	release := g.Stall("/hooks")
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Hooks(ctx, "ai/ocr"); !errors.Is(err, ErrUnreachable) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for _, name := range []string{"ocr", "a/b/c", "/b", "a/", ""} {
		if _, err := c.Hooks(t.Context(), name); !errors.Is(err, ErrNotRepository) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestWeakToken shows that each call says which scope it needs.
func TestWeakToken(t *testing.T) {
	g := giteatest.New(t, giteatest.Options{})
	repo := g.Repo(t, "ai", "ocr")
	sha := repo.Push(t, giteatest.Change{Files: map[string]string{"a": "1\n"}})
	c := client(t, g.URL, g.Token("ai", "read:repository", "read:user"))
	ctx := t.Context()
	for name, call := range map[string]func() error{
		"a hook": func() error {
			_, err := c.CreateHook(ctx, "ai/ocr", HookWish{URL: "http://x/", Secret: "s"})
			return err
		},
		"a status":   func() error { return c.SetStatus(ctx, "ai/ocr", sha, Status{State: StateSuccess, Context: "x"}) },
		"a deletion": func() error { return c.DeleteRepo(ctx, "ai/ocr") },
		"a new one":  func() error { _, err := c.CreateRepo(ctx, "", NewRepo{Name: "x"}); return err },
		"a pull":     func() error { _, err := c.CreatePull(ctx, "ai/ocr", "a", "b", "c"); return err },
	} {
		if err := call(); !errors.Is(err, ErrAuth) || !strings.Contains(err.Error(), "write:repository") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := c.Pulls(ctx, "ai/ocr", 0); err != nil {
		t.Errorf("reading is allowed: %v", err)
	}
}
