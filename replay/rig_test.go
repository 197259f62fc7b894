package replay

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aictl/store/records"
)

// archive is recorded exchanges in memory.
type archive struct{ list []records.Exchange }

func (a archive) Each(ctx context.Context, f records.Filter, visit func(*records.Exchange) error) ([]string, error) {
	list := slices.Clone(a.list)
	slices.SortFunc(list, func(x, y records.Exchange) int { return strings.Compare(x.ID, y.ID) })
	if !f.OldestFirst {
		slices.Reverse(list)
	}
	for k := range list {
		if err := visit(&list[k]); err != nil {
			return nil, fmt.Errorf("visit: %w", err)
		}
	}
	return []string{"a day could not be read"}, ctx.Err()
}

// fleet has one service, svc, with the live release r1 and others that are started on demand.
type fleet struct {
	live       []string
	candidates map[string]string // address by release
	serving    map[int]string
	started    atomic.Int32
	stopped    atomic.Int32
	stopErr    error
}

func (f *fleet) Find(_ context.Context, service, release string) (string, []string, error) {
	if service != "svc" {
		return "", nil, errors.New("no such service")
	}
	if release == "" || release == "r1" {
		return "r1", f.live, nil
	}
	return release, nil, nil
}

func (f *fleet) Candidate(_ context.Context, _, release string, progress func(string)) (string, func(context.Context) error, error) {
	addr, ok := f.candidates[release]
	if !ok {
		return "", nil, errors.New("it did not become healthy")
	}
	progress("waits for health")
	f.started.Add(1)
	return addr, func(ctx context.Context) error {
		f.stopped.Add(1)
		return errors.Join(f.stopErr, ctx.Err())
	}, nil
}

func (f *fleet) Serving(context.Context) (map[int]string, error) { return f.serving, nil }

// message is a body as it was recorded.
func message(body string) records.Message {
	return records.Message{Header: http.Header{}, Size: int64(len(body)), SHA256: sha256.Sum256([]byte(body)), Body: []byte(body)}
}

// recorded is n exchanges, one each 10 ms, whose answer is the request's body.
func recorded(n int) []records.Exchange {
	var out []records.Exchange
	for k := range n {
		body := fmt.Sprintf(`{"n":%d}`, k)
		out = append(out, records.Exchange{
			ID: fmt.Sprintf("%04d", k), Service: "svc", Release: "r1", Instance: "svc/1", Method: "POST", Path: "/predict", Query: fmt.Sprint("n=", k), Status: 200,
			Session: fmt.Sprint("s", k%4), StartedAt: time.Unix(1000, 0).Add(time.Duration(k) * 10 * time.Millisecond), Duration: 5 * time.Millisecond,
			End: records.EndComplete, Request: message(body), Response: message(body),
		})
	}
	return out
}

// backend remembers what it was asked and answers by answer.
type backend struct {
	*httptest.Server
	mu   sync.Mutex
	seen []*http.Request
	body []string
}

func newBackend(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, body string)) *backend {
	t.Helper()
	b := &backend{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the caller went away
		}
		b.mu.Lock()
		b.seen, b.body = append(b.seen, r), append(b.body, string(body))
		b.mu.Unlock()
		answer(w, r, string(body))
	}))
	t.Cleanup(b.Close)
	return b
}

func echo(w http.ResponseWriter, _ *http.Request, body string) { reply(w, body) }

func reply(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	if _, err := io.WriteString(w, body); err != nil {
		return // the caller went away
	}
}

func (b *backend) addr() string { return strings.TrimPrefix(b.URL, "http://") }

func (b *backend) port(t *testing.T) int {
	t.Helper()
	u, err := url.Parse(b.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func quiet(Progress) {}

// engineOn returns an engine over records whose folder must be empty at the end.
func engineOn(t *testing.T, list []records.Exchange, f *fleet) *Engine {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() {
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
	return New(Deps{Records: archive{list}, Fleet: f, Dir: dir, Prefix: "/ai/"})
}
