package previews

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aictl/gitea"
	"aictl/store"
)

func TestPlan(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	p := parent{service: store.Service{Name: "ocr"}, address: "http://g", repository: "ai/ocr", branch: "main"}
	pull := func(n int64, head string, edit ...func(*gitea.Pull)) gitea.Pull {
		one := gitea.Pull{Number: n, Open: true, Base: "main", HeadRef: "f", Head: head, HeadRepository: "AI/ocr"}
		for _, f := range edit {
			f(&one)
		}
		return one
	}
	have := func(n int64, head string, age time.Duration) store.Preview {
		return store.Preview{Service: Name("ocr", n), Parent: "ocr", Number: n, Head: head, PushedAt: now.Add(-age)}
	}
	expired := func(n int64, head string) store.Preview {
		one := have(n, head, 100*time.Hour)
		one.Expired = true
		return one
	}
	fork := func(p *gitea.Pull) { p.HeadRepository = "eve/ocr" }
	deleted := func(p *gitea.Pull) { p.HeadRepository = "" }
	other := func(p *gitea.Pull) { p.Base = "release" }
	agit := func(p *gitea.Pull) { p.HeadRef = "refs/pull/1/head" } // as Gitea 1.25 tells of a push to refs/for/main by a reader
	for _, c := range []struct {
		name    string
		open    []gitea.Pull
		cut     bool
		have    []store.Preview
		limits  Limits
		want    []string
		refused []string
	}{
		{"a new one", []gitea.Pull{pull(1, "a")}, false, nil, Limits{2, 0}, []string{"deploy ocr-pr-1"}, nil},
		{"as it was", []gitea.Pull{pull(1, "a")}, false, []store.Preview{have(1, "a", time.Hour)}, Limits{2, 0}, nil, nil},
		{"a push", []gitea.Pull{pull(1, "b")}, false, []store.Preview{have(1, "a", time.Hour)}, Limits{2, 0}, []string{"deploy ocr-pr-1"}, nil},
		{"a push that was not deployed", []gitea.Pull{pull(1, "a")}, false, []store.Preview{have(1, "", time.Hour)}, Limits{2, 0}, []string{"deploy ocr-pr-1"}, nil},
		{"closed", nil, false, []store.Preview{have(1, "a", time.Hour)}, Limits{2, 0}, []string{"remove ocr-pr-1"}, nil},
		{"maybe closed", []gitea.Pull{pull(2, "b")}, true, []store.Preview{have(1, "a", time.Hour)}, Limits{1, 0}, nil, []string{"2: ocr has 1 previews"}},
		{"from a fork", []gitea.Pull{pull(1, "a", fork), pull(2, "a", deleted)}, false, nil, Limits{2, 0}, nil, []string{"1: it comes from another", "2: it comes from another"}},
		{"from somebody who may only read", []gitea.Pull{pull(1, "a", agit)}, false, nil, Limits{2, 0}, nil, []string{"1: it comes from no branch"}},
		{"became one for another branch", []gitea.Pull{pull(1, "a", other)}, true, []store.Preview{have(1, "a", time.Hour)}, Limits{2, 0}, []string{"remove ocr-pr-1"}, []string{"1: it is for release"}},
		{"too many", []gitea.Pull{pull(3, "c"), pull(2, "b"), pull(1, "a")}, false, nil, Limits{2, 0}, []string{"deploy ocr-pr-3", "deploy ocr-pr-2"}, []string{"1: ocr has 2 previews"}},
		{"one goes, one comes", []gitea.Pull{pull(2, "b")}, false, []store.Preview{have(1, "a", 0)}, Limits{1, 0}, []string{"remove ocr-pr-1", "deploy ocr-pr-2"}, nil},
		{"none are allowed", []gitea.Pull{pull(1, "a")}, false, nil, Limits{0, 0}, nil, []string{"1: ocr has 0 previews"}},
		{"too old", []gitea.Pull{pull(1, "a")}, false, []store.Preview{have(1, "a", 49*time.Hour)}, Limits{2, 48 * time.Hour}, []string{"expire ocr-pr-1"}, nil},
		{"old makes room", []gitea.Pull{pull(2, "b"), pull(1, "a")}, false, []store.Preview{have(1, "a", 49*time.Hour)}, Limits{1, 48 * time.Hour}, []string{"expire ocr-pr-1", "deploy ocr-pr-2"}, nil},
		{"stays expired", []gitea.Pull{pull(1, "a")}, false, []store.Preview{expired(1, "a")}, Limits{2, 48 * time.Hour}, nil, nil},
		{"comes back", []gitea.Pull{pull(1, "b")}, false, []store.Preview{expired(1, "a")}, Limits{2, 48 * time.Hour}, []string{"deploy ocr-pr-1"}, nil},
		{"expired and closed", nil, false, []store.Preview{expired(1, "a")}, Limits{2, 48 * time.Hour}, []string{"remove ocr-pr-1"}, nil},
	} {
		acts, refused := plan(now, p, c.open, c.cut, c.have, c.limits)
		var got []string
		for _, a := range acts {
			got = append(got, a.do+" "+a.preview.Service)
			if a.do == actDeploy && (a.preview.Expired || a.preview.Branch != "f") {
				t.Errorf("%s: %+v", c.name, a.preview)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		for _, want := range c.refused {
			n, why, _ := strings.Cut(want, ": ")
			var number int64
			if _, err := fmt.Sscan(n, &number); err != nil || !strings.Contains(refused[number], why) {
				t.Errorf("%s: refused %v, want %q", c.name, refused, want)
			}
		}
		if len(refused) != len(c.refused) {
			t.Errorf("%s: refused %v", c.name, refused)
		}
	}
	p.service.Name = strings.Repeat("x", 60)
	if _, refused := plan(now, p, []gitea.Pull{pull(123, "a")}, false, nil, Limits{2, 0}); !strings.Contains(refused[123], "too long") {
		t.Errorf("a long name: %v", refused)
	}
}
