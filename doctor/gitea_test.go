package doctor

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestGiteas(t *testing.T) {
	for _, c := range []struct {
		list  []Gitea
		err   error
		want  Verdict
		says  string
		mends string
	}{
		{nil, nil, OK, "none is connected", ""},
		{nil, errors.New("gone"), Warn, "gone", "log"},
		{[]Gitea{{Name: "g", Version: "1.24.0"}}, nil, OK, "g answers, Gitea 1.24.0", ""},
		{[]Gitea{{Name: "g", Version: "1.20.0", Old: "1.22"}}, nil, Warn, "1.20.0", "upgrade"},
		{[]Gitea{{Name: "g", Missing: []string{"write:user", "write:repository"}}}, nil, Warn, "lacks write:user, write:repository", "aictl gitea test g"},
		{[]Gitea{{Name: "g", Error: "not reachable"}}, nil, Warn, "g: not reachable", "aictl gitea test g"},
	} {
		opts := options()
		opts.Giteas = func(context.Context) ([]Gitea, error) { return c.list, c.err }
		results := Run(t.Context(), sound(), opts)
		r := results[len(results)-1]
		if r.Check != "gitea" || r.Verdict != c.want || !strings.Contains(r.Detail.String(), c.says) || !strings.Contains(r.Mend.String(), c.mends) {
			t.Errorf("%+v, %v: %s %q, to mend: %q", c.list, c.err, r.Verdict, r.Detail, r.Mend)
		}
	}
}

// TestNoGiteasWithoutADaemon: only the daemon knows them.
func TestNoGiteasWithoutADaemon(t *testing.T) {
	opts := options()
	opts.Daemon = func(context.Context) (string, error) { return "", errGone }
	opts.Giteas = func(context.Context) ([]Gitea, error) { panic("asked") }
	for _, r := range Run(t.Context(), sound(), opts) {
		if r.Check == "gitea" {
			t.Errorf("%+v", r)
		}
	}
}
