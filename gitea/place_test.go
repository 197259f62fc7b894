package gitea

import (
	"strings"
	"testing"
)

func TestPlace(t *testing.T) {
	list := []Connection{{Name: "main", Client: client(t, "https://git.example.com/gitea", "t")}, {Name: "other", Client: client(t, "http://other:3000", "t")}}
	for _, c := range []struct{ where, connection, repo string }{
		{"ai/ocr", "main", "ai/ocr"},
		{"ai/ocr.git", "main", "ai/ocr"},
		{"https://git.example.com/gitea/ai/ocr.git", "main", "ai/ocr"},
		{"http://other:3000/ai/asr", "other", "ai/asr"},
		{"http://other:3000/ai/asr/", "other", "ai/asr"},
		{"https://git.example.com/ai/ocr.git", "", ""},
		{"https://github.com/ai/ocr.git", "", ""},
		{"http://other:3000/ai/deep/er.git", "", ""},
		{"git@other:ai/ocr.git", "", ""},
		{"/srv/ocr", "", ""},
		{"ocr", "", ""},
	} {
		got, repo, ok := Place(list, c.where)
		if ok != (c.repo != "") || ok && (got.Name != c.connection || repo != c.repo) {
			t.Errorf("%s: %s %s %v", c.where, got.Name, repo, ok)
		}
	}
	if _, _, ok := Place(nil, "ai/ocr"); ok {
		t.Error("a place on no Gitea")
	}
}

func FuzzPlace(f *testing.F) {
	f.Add("https://g/sub/a/b.git")
	f.Add("a/b")
	f.Add("https://g/sub/%2e%2e/x")
	f.Fuzz(func(t *testing.T, where string) {
		c, err := NewClient(ClientConfig{URL: "https://g/sub"})
		if err != nil {
			t.Fatal(err)
		}
		if _, name, ok := Place([]Connection{{Client: c}}, where); ok && strings.Count(name, "/") != 1 {
			t.Errorf("%q of %q", name, where)
		}
	})
}
