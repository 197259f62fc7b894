package gitea

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
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

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A commit that a force push orphaned before the mirror ever saw it is asked for by its SHA.
func TestOrphanedCommitIsFetchedBySHA(t *testing.T) {
	o := newOrigin(t)
	first := o.commit(map[string]string{"a": "1"})
	orphan := o.commit(map[string]string{"a": "2"})
	o.ref("refs/heads/main", first)
	both(t, o, func(t *testing.T, m *Mirror) {
		must(t, m.Fetch(t.Context(), ""))
		if _, err := m.Resolve(t.Context(), orphan); !errors.Is(err, ErrUnknownRef) {
			t.Fatalf("it is known already: %v", err)
		}
		must(t, m.Fetch(t.Context(), orphan))
		if got, err := m.Resolve(t.Context(), orphan); err != nil || got != orphan {
			t.Errorf("got %s, %v", got, err)
		}
		out := filepath.Join(t.TempDir(), "out")
		must(t, m.Checkout(t.Context(), orphan, out, nil))
		if text, err := os.ReadFile(filepath.Join(out, "a")); err != nil || string(text) != "2" {
			t.Errorf("a = %q, %v", text, err)
		}
		never := strings.Repeat("7", 40)
		must(t, m.Fetch(t.Context(), never))
		if _, err := m.Resolve(t.Context(), never); !errors.Is(err, ErrUnknownRef) {
			t.Errorf("a commit that never was: %v", err)
		}
	})
}

func TestCredentials(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	o := newOrigin(t)
	sha := o.commit(map[string]string{"a": "1"})
	const token = "s3cr3t-token-value"
	srv := serve(t, filepath.Dir(o.dir), token)
	fetch := func(a Auth) error {
		m := mirrorOf(t, srv.URL+"/origin/.git", a)
		err := m.Fetch(t.Context(), "")
		if err == nil {
			_, err = m.Resolve(t.Context(), sha)
		}
		return err
	}
	if err := fetch(Auth{}); !errors.Is(err, ErrAuth) || !strings.Contains(err.Error(), ".netrc") {
		t.Errorf("without: %v", err)
	}
	if err := fetch(Auth{User: "robot", Token: token}); err != nil {
		t.Errorf("with a token: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(home, ".netrc"), []byte("machine 127.0.0.1 login robot password "+token+"\n"), 0o600))
	if err := fetch(Auth{}); err != nil {
		t.Errorf("by .netrc: %v", err)
	}
}

// stalling passes everything on but the end of each pack, which it holds back until the client gives up.
func stalling(t *testing.T, target string) *httptest.Server {
	t.Helper()
	u, err := url.Parse(target)
	must(t, err)
	proxy := httputil.NewSingleHostReverseProxy(u)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "git-upload-pack") {
			proxy.ServeHTTP(w, r)
			return
		}
		rec := httptest.NewRecorder()
		proxy.ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		w.Header().Set("Content-Type", rec.Header().Get("Content-Type"))
		if _, err := w.Write(body[:len(body)/2]); err != nil {
			return
		}
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	t.Cleanup(srv.Close)
	return srv
}

func TestStalledTransferEndsWithItsContext(t *testing.T) {
	o := newOrigin(t)
	noise := make([]byte, 200<<10)
	rand.Read(noise)
	sha := o.commit(map[string]string{"a": string(noise)})
	good := serve(t, filepath.Dir(o.dir), "")
	ms := NewMirrors(t.TempDir(), nil)
	m, err := ms.Open(t.Context(), stalling(t, good.URL).URL+"/origin/.git", Auth{})
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	begun := time.Now()
	err = m.Fetch(ctx, "")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took > lateFetch+25*time.Second {
		t.Errorf("it took %s", took)
	}
	if _, err := m.Resolve(t.Context(), sha); err == nil {
		t.Error("half a transfer resolves")
	}
	// The same mirror works once the server does.
	healthy := *m
	healthy.url = good.URL + "/origin/.git"
	must(t, healthy.Fetch(t.Context(), ""))
	if got, err := healthy.Resolve(t.Context(), ""); err != nil || got != sha {
		t.Errorf("afterwards: %s, %v", got, err)
	}
}

// small is a folder on a file system of this many bytes, "" where this machine allows no mounts.
func small(t *testing.T, bytes int) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		return ""
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestDiskFull(t *testing.T) {
	o := newOrigin(t)
	noise := make([]byte, 1<<20)
	rand.Read(noise)
	sha := o.commit(map[string]string{"model.bin": string(noise)})
	disk := small(t, 256<<10)
	m := mirrorOf(t, o.dir, Auth{})
	must(t, m.Fetch(t.Context(), ""))
	faults := map[string]error{ // as they come from a system that allows no mounts
		"checkout": m.onDisk(filepath.Join("disk", "out"), fmt.Errorf("write: %w", syscall.ENOSPC)),
		"fetch":    m.classify("fetch", &os.PathError{Op: "write", Path: "pack", Err: syscall.EDQUOT}),
	}
	if disk != "" {
		faults["checkout"] = m.Checkout(t.Context(), sha, filepath.Join(disk, "out"), nil)
		onlyIn(t, disk)
		tight, err := NewMirrors(filepath.Join(disk, "repos"), nil).Open(t.Context(), o.dir, Auth{})
		must(t, err)
		faults["fetch"] = tight.Fetch(t.Context(), "")
		folder, _, err := NewMirrors(filepath.Join(disk, "snapshots"), nil).OpenDir(t.Context(), checkedOut(t, m, sha))
		if faults["snapshot"] = err; err == nil {
			t.Errorf("a snapshot of 1 MiB fits: %v", folder.Dir())
		}
	}
	for doing, err := range faults {
		if !errors.Is(err, ErrNoSpace) || !strings.Contains(err.Error(), "free some") {
			t.Errorf("%s: %v", doing, err)
		}
	}
}

func checkedOut(t *testing.T, m *Mirror, sha string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	must(t, m.Checkout(t.Context(), sha, out, nil))
	return out
}

// Services of one repository fetch at a time.
func TestFetchesOfOneRepositoryTakeTurns(t *testing.T) {
	o := newOrigin(t)
	sha := o.commit(map[string]string{"a": "1"})
	srv := serve(t, filepath.Dir(o.dir), "")
	ms := NewMirrors(t.TempDir(), nil)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			m, err := ms.Open(t.Context(), srv.URL+"/origin/.git", Auth{})
			if err == nil {
				err = m.Fetch(t.Context(), "")
			}
			if err == nil {
				_, err = m.Resolve(t.Context(), sha)
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func FuzzNetrc(f *testing.F) {
	for _, s := range []string{"machine h login a password b", "default login x", "machine", "machine h password", "macdef x\n\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file := filepath.Join(t.TempDir(), "netrc")
		must(t, os.WriteFile(file, []byte(text), 0o600))
		user, pass := Netrc(file, "h")
		if !strings.Contains(text, user) || !strings.Contains(text, pass) {
			t.Errorf("%q gave %q %q", text, user, pass)
		}
	})
}
