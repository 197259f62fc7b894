package forges

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"aictl/gitea"
	"aictl/store"
)

func connection(t testing.TB, url string) gitea.Connection {
	t.Helper()
	c, err := gitea.NewClient(gitea.ClientConfig{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	return gitea.Connection{Name: "g", Client: c, Owner: "ai", Prefix: "algo-"}
}

func TestSources(t *testing.T) {
	services := []store.Service{
		{Name: "b", Source: store.Source{Kind: "gitea", URL: "AI/OCR"}},
		{Name: "a", Source: store.Source{Kind: "git", URL: "https://git.example.com/sub/ai/ocr.git"}},
		{Name: "c", Source: store.Source{Kind: "git", URL: "https://GIT.example.com:443/sub/ai/nlp"}},
		{Name: "d", Source: store.Source{Kind: "git", URL: "https://git.example.com/ai/ocr.git"}}, // beside the path
		{Name: "e", Source: store.Source{Kind: "git", URL: "git@git.example.com:ai/ocr.git"}},
		{Name: "f", Source: store.Source{Kind: "dir", URL: "/srv/ai/ocr"}},
	}
	for isDefault, want := range map[bool]string{true: "map[ai/nlp:[c] ai/ocr:[a b]]", false: "map[ai/nlp:[c] ai/ocr:[a]]"} {
		if got := fmt.Sprint(sources(connection(t, "https://git.example.com/sub"), isDefault, services)); got != want {
			t.Errorf("default %v: %s, want %s", isDefault, got, want)
		}
	}
}

func TestLooks(t *testing.T) {
	for names, want := range map[string]string{
		"aictl.yaml main.py":         LooksManifest,
		"Procfile requirements.txt":  LooksProcfile,
		"app.py":                     LooksPython,
		"package.json index.js":      LooksNode,
		"requirements.txt model.bin": LooksPackage,
		"README.md main.py/":         LooksOther, // a folder of that name
		"":                           LooksOther,
	} {
		var entries []gitea.Entry
		for _, name := range strings.Fields(names) {
			e := gitea.Entry{Name: name, Type: "file"}
			if folder, ok := strings.CutSuffix(name, "/"); ok {
				e = gitea.Entry{Name: folder, Type: "dir"}
			}
			entries = append(entries, e)
		}
		if got := looks(entries); got != want {
			t.Errorf("%s: %q, want %q", names, got, want)
		}
	}
}

func TestPlace(t *testing.T) {
	c := connection(t, "https://git.example.com")
	for name, want := range map[string]string{"ocr": "ai/algo-ocr", "algo-ocr": "ai/algo-ocr", "eve/ocr": "eve/ocr", "a.b_c-d": "ai/algo-a.b_c-d"} {
		owner, repo, err := place(c, name)
		if err != nil || owner+"/"+repo != want {
			t.Errorf("%s: %s/%s, %v; want %s", name, owner, repo, err, want)
		}
	}
	for _, name := range []string{"", "a b", "a/b/c", "/b", "a/", "../x", "ai/..", "ai/-", "x.git", "x.wiki", "ä", strings.Repeat("x", 120), "a\x00b"} {
		if _, _, err := place(c, name); !errors.Is(err, ErrBadName) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// FuzzPlace: whatever the name, what is made stays below one owner and is a name of Gitea.
func FuzzPlace(f *testing.F) {
	for _, seed := range []string{"ocr", "ai/ocr", "../x", "a/b/c", "-", ".", "%2f", "a\nb"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		owner, repo, err := place(connection(t, "https://git.example.com"), name)
		if err != nil {
			return
		}
		if owner == "" || !goodRepo(repo) || strings.ContainsAny(owner+repo, "/\\%?# \n\x00") || repo == ".." || len(repo) > 100 {
			t.Errorf("%q became %q of %q", name, repo, owner)
		}
	})
}

// FuzzNameFor: a name made from an address is one that may be given.
func FuzzNameFor(f *testing.F) {
	for _, seed := range []string{"https://git.example.com", "http://[::1]:3000", "x", "http://-", "http://Ä.example", "https://" + strings.Repeat("a", 80)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, address string) {
		if name := nameFor(address, nil); !goodName.MatchString(name) {
			t.Errorf("%q became the name %q", address, name)
		}
	})
}
