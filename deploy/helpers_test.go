package deploy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"aictl/deploy/envs"
	"aictl/gitea"
	"aictl/store"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fleet starts nothing: its instances are rows, and all of them listen on one server's port.
type fleet struct {
	st   *store.Store
	port int

	mu    sync.Mutex
	calls []string
	fail  map[string]error                // by method
	await func(ctx context.Context) error // nil is healthy at once
	after map[string]int                  // so many calls of a method work before it fails
	check func()                          // is called before every call
}

// called notes a call and returns the error it is to have.
func (f *fleet) called(method string, args ...any) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, strings.TrimSpace(method+" "+fmt.Sprint(args...)))
	if f.check != nil {
		f.check()
	}
	if f.after[method] > 0 {
		f.after[method]--
		return nil
	}
	return f.fail[method]
}

func (f *fleet) set(method string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail[method] = err
}

func (f *fleet) Launch(ctx context.Context, service, release string, n int) ([]store.Instance, error) {
	if err := f.called("launch", release, n); err != nil {
		return nil, err
	}
	return f.add(ctx, service, release, n, true)
}

func (f *fleet) LaunchNew(ctx context.Context, service, release string, n int) ([]store.Instance, error) {
	if err := f.called("launch", release, n); err != nil {
		return nil, err
	}
	return f.add(ctx, service, release, n, false)
}

func (f *fleet) add(ctx context.Context, service, release string, n int, adopt bool) ([]store.Instance, error) {
	rows, err := f.st.Instances(ctx, service, release)
	rows = slices.DeleteFunc(rows, func(i store.Instance) bool {
		return i.Purpose != store.PurposeRolling && i.Purpose != store.PurposeCanary
	})
	rows = rows[:min(n, len(rows))]
	if !adopt {
		rows = nil
	}
	added, aerr := f.st.AddInstances(ctx, service, release, n-len(rows), false)
	rows, err = append(rows, added...), errors.Join(err, aerr)
	for i := range rows {
		rows[i].Port = f.port
	}
	return rows, err
}

func (f *fleet) AwaitHealthy(ctx context.Context, ids []string, progress func(string)) error {
	if err := f.called("await", ids); err != nil {
		return err
	}
	progress("waits for /health")
	f.mu.Lock()
	await := f.await
	f.mu.Unlock()
	if await != nil {
		return await(ctx)
	}
	return ctx.Err()
}

func (f *fleet) Join(ctx context.Context, service string, ids []string) error {
	if err := f.called("join", ids); err != nil {
		return err
	}
	return f.st.SetPurpose(ctx, service, store.PurposeRolling, slotNumbers(ids)...)
}

func (f *fleet) Live(ctx context.Context, service string) (ids []string, err error) {
	all, err := f.st.Instances(ctx, service, "")
	for _, i := range all {
		if i.Live {
			ids = append(ids, i.ID)
		}
	}
	return ids, err
}

func (f *fleet) Refill(ctx context.Context, service string, n int) error {
	if err := f.called("refill", n); err != nil {
		return err
	}
	svc, err := f.st.Service(ctx, service)
	live, lerr := f.Live(ctx, service)
	if err := errors.Join(err, lerr); err != nil {
		return err
	}
	_, err = f.st.AddInstances(ctx, service, svc.Release, n-len(live), true)
	return err
}

// slotNumbers are the slots that ids name.
func slotNumbers(ids []string) (numbers []int) {
	for _, id := range ids {
		_, slot, _ := strings.Cut(id, "/")
		n, err := strconv.Atoi(slot)
		if err != nil {
			panic(err)
		}
		numbers = append(numbers, n)
	}
	return numbers
}

func (f *fleet) Switch(ctx context.Context, service, release string, _ []string) ([]store.Instance, error) {
	if err := f.called("switch", release); err != nil {
		return nil, err
	}
	svc, err := f.st.Service(ctx, service)
	if err != nil {
		return nil, err
	}
	all, err := f.st.Instances(ctx, service, "")
	if err != nil {
		return nil, err
	}
	var adopted []int
	for _, i := range all {
		if (i.Purpose == store.PurposeRolling || i.Purpose == store.PurposeCanary) && i.Release == release {
			adopted = append(adopted, i.Slot)
		}
	}
	old := slices.DeleteFunc(all, func(i store.Instance) bool { return !i.Live })
	return old, errors.Join(f.st.SetRelease(ctx, service, release, svc.Release, adopted...), f.st.SetWanted(ctx, service, store.WantedRunning))
}

func (f *fleet) Retire(ctx context.Context, ids []string) error {
	if err := f.called("retire", ids); err != nil {
		return err
	}
	for _, id := range ids {
		if err := f.st.DeleteInstance(ctx, id); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}

func (f *fleet) StopLive(context.Context, string) ([]string, error) {
	return []string{"x/1"}, f.called("stop live")
}
func (f *fleet) StartLive(context.Context, string) error { return f.called("start live") }

// rig is a deployer over a real store, real mirrors and real environments.
type rig struct {
	*Deployer
	t     *testing.T
	fleet *fleet
	deps  Deps
	root  string
	stop  func()
}

// newRig makes a deployer that does not run yet.
func newRig(t *testing.T, change ...func(*Deps)) *rig {
	t.Helper()
	root := t.TempDir()
	st, err := store.Open(t.Context(), store.Options{Path: filepath.Join(root, "aictl.db"), Key: make([]byte, 32)})
	must(t, err)
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/info" {
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	must(t, err)
	port, err := strconv.Atoi(u.Port())
	must(t, err)
	dirs := Dirs{Releases: filepath.Join(root, "releases"), Envs: filepath.Join(root, "envs"), Logs: filepath.Join(root, "logs")}
	r := &rig{t: t, root: root, fleet: &fleet{st: st, port: port, fail: map[string]error{}}}
	r.deps = Deps{
		Store: st, Fleet: r.fleet, Dirs: dirs, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Sources: &Origins{Mirrors: gitea.NewMirrors(filepath.Join(root, "repos"), nil)},
		Envs:    envs.New(envs.Config{Root: dirs.Envs, UV: "none"}),
		Lines:   func(id string, n int) []string { return []string{id + " says goodbye"} },
	}
	for _, f := range change {
		f(&r.deps)
	}
	r.Deployer = New(r.deps)
	return r
}

// run starts the deployer; it is stopped with the test, or by r.stop.
func (r *rig) run() *rig {
	ctx, cancel := context.WithCancel(r.t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
	})
	r.t.Cleanup(r.stop)
	return r
}

// upstream is a repository to deploy from.
type upstream struct {
	t    *testing.T
	dir  string
	repo *git.Repository
}

func newOrigin(t *testing.T, files map[string]string) *upstream {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "svc")
	repo, err := git.PlainInitWithOptions(dir, &git.PlainInitOptions{InitOptions: git.InitOptions{DefaultBranch: "refs/heads/main"}})
	must(t, err)
	o := &upstream{t, dir, repo}
	if files != nil {
		o.commit(files)
	}
	return o
}

func write(t *testing.T, file, text string) {
	t.Helper()
	mode := os.FileMode(0o644)
	if strings.HasSuffix(file, ".sh") {
		mode = 0o755
	}
	must(t, os.MkdirAll(filepath.Dir(file), 0o755))
	must(t, os.WriteFile(file, []byte(text), mode))
}

func (o *upstream) commit(files map[string]string) string {
	o.t.Helper()
	for name, text := range files {
		write(o.t, filepath.Join(o.dir, name), text)
	}
	w, err := o.repo.Worktree()
	must(o.t, err)
	must(o.t, w.AddGlob("."))
	h, err := w.Commit("change", &git.CommitOptions{AllowEmptyCommits: true, Author: &object.Signature{Name: "t", When: time.Now()}})
	must(o.t, err)
	return h.String()
}

func (o *upstream) source() store.Source {
	return store.Source{Kind: SourceGit, URL: "file://" + o.dir}
}

// plain is a service that needs no environment.
func plain(manifest string) map[string]string {
	return map[string]string{"run.sh": "#!/bin/sh\n", "aictl.yaml": "command: ./run.sh\n" + manifest}
}

func (r *rig) submit(req Request) store.Deploy {
	r.t.Helper()
	row, err := r.Submit(r.t.Context(), req)
	must(r.t, err)
	return row
}

// ended waits for the end of a deploy.
func (r *rig) ended(id int64) store.Deploy {
	r.t.Helper()
	var row store.Deploy
	r.waitFor("the end of deploy "+strconv.FormatInt(id, 10), func() bool {
		var err error
		row, err = r.Store.Deploy(r.t.Context(), id)
		must(r.t, err)
		return row.State.Ended()
	})
	return row
}

func (r *rig) waitFor(what string, ok func() bool) {
	r.t.Helper()
	tick := time.NewTicker(3 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(2 * time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			r.t.Fatalf("timed out: %s", what)
		}
	}
}

// deploy deploys and wants it live.
func (r *rig) deploy(o *upstream) store.Deploy {
	r.t.Helper()
	row := r.ended(r.submit(Request{Source: o.source(), Actor: "ann", Trigger: "cli"}).ID)
	if row.State != store.DeployLive {
		r.t.Fatalf("deploy: %+v\n%s", row, strings.Join(r.tail(row.ID), "\n"))
	}
	return row
}

func (r *rig) tail(id int64) []string {
	r.t.Helper()
	lines, err := r.Tail(r.t.Context(), id, 100)
	must(r.t, err)
	return lines
}

func (r *rig) service(name string) store.Service {
	r.t.Helper()
	svc, err := r.Store.Service(r.t.Context(), name)
	must(r.t, err)
	return svc
}

// steps are a deploy's steps in short: "fetch:done".
func (r *rig) steps(id int64) string {
	r.t.Helper()
	all, err := r.Store.Steps(r.t.Context(), id)
	must(r.t, err)
	var out []string
	for _, s := range all {
		out = append(out, s.Name+":"+string(s.State))
	}
	return strings.Join(out, " ")
}

// detail is what a step of a deploy says.
func (r *rig) detail(id int64, name string) string {
	r.t.Helper()
	all, err := r.Store.Steps(r.t.Context(), id)
	must(r.t, err)
	for _, s := range all {
		if s.Name == name {
			return s.Detail
		}
	}
	return ""
}

// folders are the folders of a service's releases, and what is at work.
func (r *rig) folders(service string) []string {
	r.t.Helper()
	var out []string
	for _, pattern := range []string{service + "/*", ".incoming/*", ".incoming/.*"} {
		found, err := filepath.Glob(filepath.Join(r.deps.Dirs.Releases, pattern))
		must(r.t, err)
		for _, f := range found {
			out = append(out, filepath.Base(f))
		}
	}
	return out
}
