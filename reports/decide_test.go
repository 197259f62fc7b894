package reports

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"aictl/gitea"
	"aictl/store"
)

func connection(t *testing.T, address, token string) gitea.Connection {
	t.Helper()
	c, err := gitea.NewClient(gitea.ClientConfig{URL: address, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return gitea.Connection{Name: "main", Client: c}
}

func TestPlace(t *testing.T) {
	forges := []gitea.Connection{connection(t, "https://git.example.com/gitea", "t"), connection(t, "http://other:3000", "t")}
	for _, c := range []struct {
		kind, url           string
		address, repository string
	}{
		{"gitea", "ai/ocr", "https://git.example.com/gitea", "ai/ocr"},
		{"git", "https://git.example.com/gitea/ai/ocr.git", "https://git.example.com/gitea", "ai/ocr"},
		{"git", "http://other:3000/ai/asr", "http://other:3000", "ai/asr"},
		{"git", "https://git.example.com/ai/ocr.git", "", ""},
		{"git", "https://github.com/ai/ocr.git", "", ""},
		{"git", "http://other:3000/ai/deep/er.git", "", ""},
		{"git", "git@other:ai/ocr.git", "", ""},
		{"dir", "/srv/ocr", "", ""},
		{"hosted", "ocr", "", ""},
	} {
		address, repository, ok := place(store.Source{Kind: c.kind, URL: c.url}, forges)
		if ok != (c.repository != "") || ok && (address != c.address || repository != c.repository) {
			t.Errorf("%s %s: %s %s %v", c.kind, c.url, address, repository, ok)
		}
	}
	if _, _, ok := place(store.Source{Kind: "gitea", URL: "ai/ocr"}, nil); ok {
		t.Error("a place on no Gitea")
	}
}

func TestVerdict(t *testing.T) {
	start := time.Now()
	for _, c := range []struct {
		row  store.Deploy
		want string
	}{
		{store.Deploy{State: store.DeployQueued}, "pending deploy is waiting for its turn"},
		{store.Deploy{State: store.DeployRunning}, "pending deploy is under way"},
		{store.Deploy{State: store.DeployLive, StartedAt: start, FinishedAt: start.Add(1500 * time.Millisecond)}, "success live after 1.5 s"},
		{store.Deploy{State: store.DeployLive, Kind: "rollback"}, "success rolled back to this commit"},
		{store.Deploy{State: store.DeployFailed, FailedStep: "health", Error: "no answer in 30s\nlast lines:\nboom"}, "failure deploy failed at health: no answer in 30s"},
		{store.Deploy{State: store.DeploySuperseded}, "error not deployed: a newer deploy took its place"},
		{store.Deploy{State: store.DeployCancelled}, "error deploy was cancelled"},
		{store.Deploy{State: store.DeployInterrupted, Kind: "rollback"}, "error rollback was interrupted by the end of aictl"},
	} {
		state, description := verdict(c.row)
		if got := state + " " + description; got != c.want {
			t.Errorf("%s: %q, want %q", c.row.State, got, c.want)
		}
	}
	if _, ok := reportOf(store.Deploy{Service: "ocr", Source: store.Source{Kind: "gitea", URL: "ai/ocr"}}, []gitea.Connection{connection(t, "http://g", "")}); ok {
		t.Error("a report without a commit")
	}
}

func TestNextTry(t *testing.T) {
	now := time.Now()
	refused := func(status int) error { return fmt.Errorf("report: %w", &gitea.Refused{Status: status}) }
	for _, c := range []struct {
		name  string
		tries int
		age   time.Duration
		err   error
		want  time.Duration // 0: given up
	}{
		{"the first", 0, 0, gitea.ErrUnreachable, 5 * time.Second},
		{"the second", 1, 0, gitea.ErrUnreachable, 10 * time.Second},
		{"much later", 60, 20 * time.Hour, gitea.ErrUnreachable, mostPause},
		{"too late", 60, 24 * time.Hour, gitea.ErrUnreachable, 0},
		{"not found", 3, 0, refused(404), 40 * time.Second},
		{"not found for good", 4, 0, refused(404), 0},
		{"a revoked token may come back", 50, time.Hour, refused(401), mostPause},
		{"a scope may be given", 50, time.Hour, refused(403), mostPause},
		{"a broken server", 50, time.Hour, refused(502), mostPause},
		{"not connected", 50, time.Hour, errNotConnected, mostPause},
		{"anything else", 0, 0, errors.New("x"), 5 * time.Second},
	} {
		next := nextTry(store.Report{Tries: c.tries, CreatedAt: now.Add(-c.age)}, c.err, now)
		if c.want == 0 && !next.IsZero() || c.want != 0 && next.Sub(now) != c.want {
			t.Errorf("%s: in %s, want %s", c.name, next.Sub(now), c.want)
		}
	}
}
