package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestForges(t *testing.T) {
	s := openTest(t)
	ctx := context.Background()
	const token = "0123456789abcdef0123456789abcdef01234567"
	save := func(f Forge) Forge {
		t.Helper()
		saved, err := s.SaveForge(ctx, f, "ada")
		if err != nil {
			t.Fatal(err)
		}
		return saved
	}
	first := save(Forge{Name: "one", URL: "https://one.example", Token: token, Login: "bot"})
	if !first.Default || first.Secret == "" || first.Token != token || first.Login != "bot" {
		t.Errorf("the first connection: %+v", first)
	}
	second := save(Forge{Name: "two", URL: "https://two.example", Owner: "ai", Prefix: "algo-"})
	if second.Default || second.Secret == first.Secret {
		t.Errorf("the second connection: %+v", second)
	}
	second.Default = true
	save(second)
	list, err := s.Forges(ctx)
	if err != nil || len(list) != 2 || list[0].Name != "two" || list[1].Default || list[0].Prefix != "algo-" {
		t.Fatalf("the connections: %+v, %v", list, err)
	}
	if again := save(Forge{Name: "three", URL: "https://one.example"}); again.Secret != first.Secret {
		t.Error("another connection to the same address has another secret: hooks there would not be believed")
	}
	if err := s.RemoveForge(ctx, "two", "eve"); err != nil {
		t.Fatal(err)
	}
	if f, err := s.Forge(ctx, "one"); err != nil || !f.Default {
		t.Errorf("the oldest is not the default after the default has gone: %+v, %v", f, err)
	}
	if err := s.RemoveForge(ctx, "two", "eve"); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
}

func TestForgeHistory(t *testing.T) {
	s := openTest(t)
	ctx := context.Background()
	for _, token := range []string{"first-token-of-forty-characters-00001111", "second-token-of-forty-characters-0002222"} {
		if _, err := s.SaveForge(ctx, Forge{Name: "one", URL: "https://one.example", Token: token}, "ada"); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RemoveForge(ctx, "one", "eve"); err != nil {
		t.Fatal(err)
	}
	changes, err := s.ForgeHistory(ctx, "one", 0, 0)
	if err != nil || len(changes) != 3 || !changes[0].Removed || changes[0].Actor != "eve" || changes[1].Hint != "2222" || changes[2].Hint != "1111" {
		t.Fatalf("history: %+v, %v", changes, err)
	}
	old, err := s.ForgeAt(ctx, changes[2].Revision)
	if err != nil || old.Token != "first-token-of-forty-characters-00001111" || old.Name != "one" {
		t.Errorf("the first revision: %+v, %v", old, err)
	}
	if page, err := s.ForgeHistory(ctx, "", changes[0].Revision, 1); err != nil || len(page) != 1 || page[0].Revision != changes[1].Revision {
		t.Errorf("a page: %+v, %v", page, err)
	}
	if _, err := s.ForgeAt(ctx, 99); !errors.Is(err, ErrNotFound) {
		t.Errorf("a revision that never was: %v", err)
	}
}

func TestPinSources(t *testing.T) {
	s := openTest(t)
	ctx := context.Background()
	for name, src := range map[string]Source{"a": {Kind: "gitea", URL: "ai/ocr", Ref: "main"}, "b": {Kind: "git", URL: "https://other.example/x.git"}, "c": {Kind: "dir", URL: "/srv/c"}} {
		if _, err := s.CreateService(ctx, Service{Name: name, Source: src, Wanted: WantedStopped}); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []int{1, 0} { // the second time there is nothing left to do
		if names, err := s.PinSources(ctx, "https://git.example.com/sub"); err != nil || len(names) != want {
			t.Errorf("pinned %v, %v", names, err)
		}
	}
	got, err := s.Service(ctx, "a")
	if err != nil || got.Source != (Source{Kind: "git", URL: "https://git.example.com/sub/ai/ocr.git", Ref: "main"}) {
		t.Errorf("%+v, %v", got.Source, err)
	}
	if other, err := s.Service(ctx, "b"); err != nil || other.Source.URL != "https://other.example/x.git" {
		t.Errorf("%+v, %v", other.Source, err)
	}
}

// TestForgesAreSealed looks for tokens and secrets in every file of the database.
func TestForgesAreSealed(t *testing.T) {
	dir := t.TempDir()
	key, err := LoadOrCreateKey(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	s, err := Open(ctx, Options{Path: filepath.Join(dir, "aictl.db"), Key: key})
	if err != nil {
		t.Fatal(err)
	}
	f, err := s.SaveForge(ctx, Forge{Name: "one", URL: "https://one.example", Token: "a-token-nobody-may-read"}, "ada")
	if err != nil {
		t.Fatal(err)
	}
	same, err := s.ForgeSecret(ctx, f.URL)
	if err != nil || same != f.Secret {
		t.Errorf("the secret changes: %v", err)
	}
	if other, err := s.ForgeSecret(ctx, "https://file.example"); err != nil || other == "" || other == same {
		t.Errorf("the secret of a Gitea that the settings name: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "aictl.db*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{f.Token, f.Secret} {
			if strings.Contains(string(content), secret) {
				t.Errorf("%s holds a secret in plain text", filepath.Base(name))
			}
		}
	}
}
