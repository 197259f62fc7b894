package gitea

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

func TestWhichGitIsNewEnough(t *testing.T) {
	for said, want := range map[string]bool{
		"git version 2.39.5": true, "git version 2.31.0\n": true, "git version 3.0": true, "git version 2.50.1 (Apple Git-155)": true,
		"git version 2.30.9": false, "git version 1.99": false, "hello": false, "": false,
	} {
		if NewEnough(said) != want {
			t.Errorf("%q: not %t", said, want)
		}
	}
	if p, err := findProgram(filepath.Join(t.TempDir(), "git"), nil); err == nil {
		t.Errorf("found %+v", p)
	}
	old := filepath.Join(t.TempDir(), "git")
	must(t, os.WriteFile(old, []byte("#!/bin/sh\necho git version 2.20.1\n"), 0o755))
	if _, err := findProgram(old, nil); err == nil || !strings.Contains(err.Error(), "2.31 is needed") {
		t.Errorf("got %v", err)
	}
}

// spy is a git that writes down how it was called, and then is git.
func spy(t *testing.T) (program string, calls func() string) {
	t.Helper()
	dir := t.TempDir()
	program, notes := filepath.Join(dir, "git"), filepath.Join(dir, "notes")
	script := fmt.Sprintf("#!/bin/sh\ntr '\\0' ' ' < /proc/$$/cmdline >> %[1]s\necho >> %[1]s\nPATH=%[2]q exec git \"$@\"\n", notes, os.Getenv("PATH"))
	must(t, os.WriteFile(program, []byte(script), 0o755))
	return program, func() string {
		text, err := os.ReadFile(notes)
		must(t, err)
		return string(text)
	}
}

func TestTokenIsNoArgumentOfGit(t *testing.T) {
	o := newOrigin(t)
	sha := o.commit(map[string]string{"a": "1"})
	const token = "s3cr3t-token-value"
	srv := serve(t, filepath.Dir(o.dir), token)
	program, calls := spy(t)
	ms := NewMirrors(t.TempDir(), nil)
	ms.SetProgram(program, "AICTL_BUILD=x")
	m, err := ms.Open(t.Context(), strings.Replace(srv.URL, "http://", "http://me:"+token+"@", 1)+"/origin/.git", Auth{})
	must(t, err)
	must(t, m.Fetch(t.Context(), ""))
	must(t, m.Checkout(t.Context(), sha, filepath.Join(t.TempDir(), "out"), nil))
	said := calls()
	if !strings.Contains(said, "fetch --progress") || !strings.Contains(said, "cat-file") || strings.Contains(said, token) || strings.Contains(said, Auth{User: "me", Token: token}.basic()[6:]) {
		t.Errorf("git was called so:\n%s", said)
	}
	// Nothing new: no program.
	must(t, m.Fetch(t.Context(), ""))
	if again := calls(); again != said {
		t.Errorf("for nothing it was called so:\n%s", strings.TrimPrefix(again, said))
	}
}

// A server that redirects gets the token taken nowhere.
func TestTokenDoesNotFollowRedirects(t *testing.T) {
	o := newOrigin(t)
	o.commit(map[string]string{"a": "1"})
	var mu sync.Mutex
	var seen []string
	real := serve(t, filepath.Dir(o.dir), "")
	spying := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r.Header.Get("Authorization"))
		r.RequestURI = ""
		r.URL.Scheme, r.URL.Host = "http", strings.TrimPrefix(real.URL, "http://")
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		defer res.Body.Close()
		w.Header().Set("Content-Type", res.Header.Get("Content-Type"))
		w.WriteHeader(res.StatusCode)
		if _, err := io.Copy(w, res.Body); err != nil {
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(spying.Close)
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, strings.Replace(spying.URL, "127.0.0.1", "localhost", 1)+r.URL.RequestURI(), http.StatusMovedPermanently)
	}))
	t.Cleanup(away.Close)
	for _, open := range []func(*testing.T, string, Auth) *Mirror{mirrorOf, plainMirrorOf} {
		m := open(t, away.URL+"/origin/.git", Auth{User: "robot", Token: "s3cr3t-token-value"})
		err := m.Fetch(t.Context(), "")
		t.Logf("with a token: %v", err)
		mu.Lock()
		for _, header := range seen {
			if header != "" {
				t.Errorf("the other host saw %q", header)
			}
		}
		mu.Unlock()
	}
	must(t, mirrorOf(t, away.URL+"/origin/.git", Auth{}).Fetch(t.Context(), "")) // without one it may be followed
}

// A repository that was renamed on the same server is found with its token.
func TestRedirectOnTheSameServer(t *testing.T) {
	o := newOrigin(t)
	sha := o.commit(map[string]string{"a": "1"})
	const token = "s3cr3t-token-value"
	real := serve(t, filepath.Dir(o.dir), token)
	u, err := url.Parse(real.URL)
	must(t, err)
	old := httputil.NewSingleHostReverseProxy(u)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rest, ok := strings.CutPrefix(r.URL.RequestURI(), "/renamed/"); ok {
			http.Redirect(w, r, "/origin/"+rest, http.StatusTemporaryRedirect)
			return
		}
		old.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	for _, open := range []func(*testing.T, string, Auth) *Mirror{mirrorOf, plainMirrorOf} {
		m := open(t, srv.URL+"/renamed/.git", Auth{Token: token})
		must(t, m.Fetch(t.Context(), ""))
		if got, err := m.Resolve(t.Context(), ""); err != nil || got != sha {
			t.Errorf("got %s, %v", got, err)
		}
	}
}

func TestGitThatStallsIsGivenUp(t *testing.T) {
	o := newOrigin(t)
	noise := make([]byte, 200<<10)
	rand.Read(noise)
	o.commit(map[string]string{"a": string(noise)})
	good := serve(t, filepath.Dir(o.dir), "")
	for name, program := range map[string]string{"git": "git", "go-git": ""} {
		t.Run(name, func(t *testing.T) {
			ms := NewMirrors(t.TempDir(), nil)
			ms.SetProgram(program)
			ms.stall = time.Second
			m, err := ms.Open(t.Context(), stalling(t, good.URL).URL+"/origin/.git", Auth{})
			must(t, err)
			err = m.Fetch(t.Context(), "")
			if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "sent nothing for 1s") {
				t.Errorf("got %v", err)
			}
			left, err := filepath.Glob(filepath.Join(m.dir, "objects", "pack", "*"))
			if err != nil || len(left) > 0 {
				t.Errorf("it left %q, %v", left, err)
			}
		})
	}
}

// A transfer that is cut is told as one, leaves nothing, and works the next time.
func TestCutTransfer(t *testing.T) {
	o := newOrigin(t)
	noise := make([]byte, 200<<10)
	rand.Read(noise)
	sha := o.commit(map[string]string{"a": string(noise)})
	u, err := url.Parse(serve(t, filepath.Dir(o.dir), "").URL)
	must(t, err)
	proxy := httputil.NewSingleHostReverseProxy(u)
	var cut sync.Map
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := cut.Load("now"); !ok || !strings.HasSuffix(r.URL.Path, "git-upload-pack") {
			proxy.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		proxy.ServeHTTP(rec, r)
		if body := rec.Body.Bytes(); len(body) < 100<<10 {
			w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
			if _, err := w.Write(body); err == nil {
				return
			}
		} else if _, err := w.Write(body[:len(body)/2]); err == nil {
			w.(http.Flusher).Flush()
		}
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(srv.Close)
	for name, open := range map[string]func(*testing.T, string, Auth) *Mirror{"git": mirrorOf, "go-git": plainMirrorOf} {
		t.Run(name, func(t *testing.T) {
			m := open(t, srv.URL+"/origin/.git", Auth{})
			cut.Store("now", true)
			if err := m.Fetch(t.Context(), ""); err == nil {
				t.Error("half a pack was taken")
			} else if _, err := m.Resolve(t.Context(), ""); err == nil {
				t.Error("half a pack resolves")
			}
			left, err := filepath.Glob(filepath.Join(m.dir, "objects", "pack", "*"))
			if err != nil || len(left) > 0 {
				t.Errorf("it left %q, %v", left, err)
			}
			cut.Clear()
			must(t, m.Fetch(t.Context(), ""))
			if got, err := m.Resolve(t.Context(), ""); err != nil || got != sha {
				t.Errorf("got %s, %v", got, err)
			}
		})
	}
}

// What a killed git left behind does not block the next fetch.
func TestLeftLocksAreRemoved(t *testing.T) {
	o := newOrigin(t)
	sha := o.commit(map[string]string{"a": "1"})
	srv := serve(t, filepath.Dir(o.dir), "")
	dir := t.TempDir()
	m, err := NewMirrors(dir, nil).Open(t.Context(), srv.URL+"/origin/.git", Auth{})
	must(t, err)
	left := []string{"refs/heads/main.lock", "packed-refs.lock", "objects/pack/tmp_pack_x", "objects/pack/tmp_idx_x"}
	for _, name := range left {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(m.dir, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(m.dir, name), nil, 0o644))
	}
	if m, err = NewMirrors(dir, nil).Open(t.Context(), srv.URL+"/origin/.git", Auth{}); err != nil {
		t.Fatal(err)
	}
	must(t, m.Fetch(t.Context(), ""))
	if got, err := m.Resolve(t.Context(), ""); err != nil || got != sha {
		t.Errorf("got %s, %v", got, err)
	}
	for _, name := range left {
		if _, err := os.Stat(filepath.Join(m.dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// When a fetch is cancelled, nothing of git goes on.
func TestCancelledFetchLeavesNoProcess(t *testing.T) {
	dir := t.TempDir()
	fake, pids := filepath.Join(dir, "git"), filepath.Join(dir, "pids")
	must(t, syscall.Mkfifo(pids, 0o600))
	must(t, os.WriteFile(fake, []byte(fmt.Sprintf("#!/bin/sh\n[ \"$1\" = version ] && echo git version 2.40.0 && exit\ntrap '' TERM\nsleep 600 &\necho $$ $! > %s\nwait\nwait\n", pids)), 0o755))
	p, err := findProgram(fake, nil)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	wait, err := p.start(ctx, call{dir: dir, args: []string{"fetch"}})
	must(t, err)
	text, err := os.ReadFile(pids)
	must(t, err)
	cancel()
	if err := wait(); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	for _, pid := range strings.Fields(string(text)) {
		gone := func() bool {
			stat, err := os.ReadFile("/proc/" + pid + "/stat")
			return err != nil || bytes.Contains(stat, []byte(") Z "))
		}
		for end := time.Now().Add(30 * time.Second); !gone() && time.Now().Before(end); {
			syscall.Select(0, nil, nil, nil, &syscall.Timeval{Usec: 10_000}) //nolint:errcheck // a short wait
		}
		if !gone() {
			t.Errorf("process %s lives", pid)
		}
	}
}

func TestProgressIsTold(t *testing.T) {
	o := newOrigin(t)
	o.commit(map[string]string{"a": "1"})
	m := mirrorOf(t, serve(t, filepath.Dir(o.dir), "").URL+"/origin/.git", Auth{})
	var said []string
	must(t, m.Fetch(WithProgress(t.Context(), func(l string) { said = append(said, l) }), ""))
	if len(said) == 0 {
		t.Error("nothing")
	}
}

func TestWordsOfGit(t *testing.T) {
	m := &Mirror{dir: "/d", url: "https://x/y.git", auth: Auth{Token: "tttt"}, stall: time.Minute}
	for text, want := range map[string]error{
		"fatal: write error: No space left on device":                                        ErrNoSpace,
		"fatal: Authentication failed for 'https://x/y.git/'":                                ErrAuth,
		"fatal: unable to access 'https://x/': The requested URL returned error: 301":        ErrAuth,
		"fatal: unable to access 'https://x/': The requested URL returned error: 502":        ErrUnreachable,
		"error: RPC failed; curl 28 Operation too slow. Less than 1 bytes/sec transferred":   ErrUnreachable,
		"error: RPC failed; curl 18 transfer closed\nfatal: early EOF\nfatal: fetch-pack: x": ErrUnreachable,
		"fatal: pack has bad object at offset 12: inflate returned 1":                        ErrUnreachable,
	} {
		err := m.classify("fetch", &said{doing: "fetch", err: errors.New("exit status 128"), lines: strings.Split(text, "\n")})
		if !errors.Is(err, want) {
			t.Errorf("%q gave %v", text, err)
		}
	}
	err := m.classify("fetch", &said{doing: "fetch", err: errors.New("exit status 128"), lines: []string{"fatal: something with tttt"}})
	if err == nil || strings.Contains(err.Error(), "tttt") {
		t.Errorf("got %v", err)
	}
	for line, want := range map[string]bool{
		"Receiving objects:  45% (1/2), 3.00 MiB | 1.00 MiB/s": true, "remote: Enumerating objects: 5, done.": true, "remote: Counting objects: 100% (5/5)": true,
		"fatal: early EOF": false, "error: RPC failed; curl 92": false, "From http://x": false,
	} {
		if isProgress(line) != want {
			t.Errorf("%q: not %t", line, want)
		}
	}
}

func FuzzReadBatch(f *testing.F) {
	h := plumbing.NewHash(strings.Repeat("1", 40))
	for _, s := range []string{h.String() + " blob 3\nabc\n", h.String() + " missing\n", h.String() + " blob -1\n\n", h.String() + " tree 0\n\n", "", h.String() + " blob 9\nabc\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		err := readBatch(bufio.NewReader(bytes.NewReader(answer)), []plumbing.Hash{h}, func(_ int, n int64, r io.Reader) error {
			got, err := io.Copy(io.Discard, r)
			if err == nil && got > n {
				t.Errorf("%d bytes of %d", got, n)
			}
			return err
		})
		if err == nil && !bytes.HasPrefix(bytes.TrimSpace(answer), []byte(h.String())) {
			t.Errorf("%q is taken for a blob", answer)
		}
	})
}
