package lfs

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aictl/gitea/internal/lfsserver"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func parse(t *testing.T, text string) Pointer {
	t.Helper()
	p, err := ParsePointer([]byte(text))
	must(t, err)
	return p
}

func server(t *testing.T) (*lfsserver.Server, *Remote) {
	t.Helper()
	s := lfsserver.New()
	t.Cleanup(s.Close)
	return s, &Remote{Endpoint: s.URL + "/a/b.git/info/lfs", Pause: time.Millisecond}
}

func never(string) bool { return false }

// content of an object that is larger than any buffer.
var large = strings.Repeat("0123456789abcdef", 200_000)

func read(t *testing.T, s *Store, p Pointer) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	must(t, err)
	must(t, s.CopyTo(t.Context(), p, f))
	must(t, f.Close())
	text, err := os.ReadFile(f.Name())
	must(t, err)
	return string(text)
}

func TestFetch(t *testing.T) {
	srv, remote := server(t)
	p, q, none := parse(t, srv.Add(large)), parse(t, srv.Add("small")), parse(t, srv.Add(""))
	store := OpenStore(t.TempDir())
	var done, all int64
	must(t, remote.Fetch(t.Context(), store, []Pointer{p, q, none, p}, never, func(d, a int64) { done, all = d, a }))
	if got := read(t, store, p); got != large {
		t.Errorf("got %d bytes, want %d", len(got), len(large))
	}
	if got := read(t, store, q) + read(t, store, none); got != "small" {
		t.Errorf("got %q", got)
	}
	if want := p.Size + q.Size; done != want || all != want {
		t.Errorf("told %d of %d, want %d", done, all, want)
	}
	// What this repository was given before needs no server.
	srv.Close()
	must(t, remote.Fetch(t.Context(), store, []Pointer{p}, func(string) bool { return true }, nil))
}

// What another repository brought into the store is handed out only when the server would do so, too.
func TestKnowingANameIsNotEnough(t *testing.T) {
	srv, remote := server(t)
	remote.Authorization, remote.Scope = "Basic eA==", remote.Endpoint[:len(remote.Endpoint)-len("a/b.git/info/lfs")]
	p := parse(t, srv.Add("secret weights"))
	store := OpenStore(t.TempDir())
	must(t, remote.Fetch(t.Context(), store, []Pointer{p}, never, nil))
	must(t, remote.Fetch(t.Context(), store, []Pointer{p}, never, nil))
	if _, ranges, _ := srv.Asked(); len(ranges) != 1 {
		t.Errorf("it was sent %d times", len(ranges))
	}
	stranger, other := server(t)
	_ = stranger
	if err := other.Fetch(t.Context(), store, []Pointer{p}, never, nil); !errors.Is(err, ErrMissing) {
		t.Errorf("a server that does not have it: %v", err)
	}
}

func TestFetchGoesOnWhereItBrokeOff(t *testing.T) {
	for _, whole := range []bool{false, true} {
		srv, remote := server(t)
		srv.Cut, srv.Whole = 2, whole
		p := parse(t, srv.Add(large))
		store := OpenStore(t.TempDir())
		var done int64
		must(t, remote.Fetch(t.Context(), store, []Pointer{p}, never, func(d, _ int64) { done = d }))
		if got := read(t, store, p); got != large || done != p.Size {
			t.Errorf("got %d bytes, told %d", len(got), done)
		}
		_, ranges, _ := srv.Asked()
		if len(ranges) != 3 || ranges[0] != "" || !strings.HasPrefix(ranges[1], "bytes=") || ranges[1] == ranges[2] && !whole {
			t.Errorf("asked for %q", ranges)
		}
	}
}

// A fetch that ended with its process goes on in the next one's.
func TestPartsSurvive(t *testing.T) {
	srv, remote := server(t)
	p := parse(t, srv.Add(large))
	dir := t.TempDir()
	store := OpenStore(dir)
	must(t, os.MkdirAll(filepath.Dir(store.incoming(p.OID)), 0o700))
	must(t, os.WriteFile(store.incoming(p.OID), []byte(large[:1000]), 0o600))
	must(t, remote.Fetch(t.Context(), OpenStore(dir), []Pointer{p}, never, nil))
	if _, ranges, _ := srv.Asked(); !slices.Equal(ranges, []string{"bytes=1000-"}) {
		t.Errorf("asked for %q", ranges)
	}
	if read(t, store, p) != large {
		t.Error("it differs")
	}
	// A part of something else is noticed, and thrown away.
	q := parse(t, srv.Add(large+"!"))
	must(t, os.WriteFile(store.incoming(q.OID), []byte("rubbish"), 0o600))
	must(t, remote.Fetch(t.Context(), store, []Pointer{q}, never, nil))
	if read(t, store, q) != large+"!" {
		t.Error("it differs")
	}
}

func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*lfsserver.Server, *Remote)
		want  error
	}{
		"damaged":         {func(s *lfsserver.Server, _ *Remote) { s.Damage = true }, ErrCorrupt},
		"too long":        {func(s *lfsserver.Server, _ *Remote) { s.Longer = true }, ErrCorrupt},
		"always cut":      {func(s *lfsserver.Server, _ *Remote) { s.Cut = 100 }, ErrUnreachable},
		"stalls":          {func(s *lfsserver.Server, r *Remote) { s.Stall, r.Stall = true, 50*time.Millisecond }, ErrUnreachable},
		"not there":       {func(s *lfsserver.Server, _ *Remote) { s.Forget() }, ErrMissing},
		"wants a token":   {func(s *lfsserver.Server, _ *Remote) { s.Token = "t" }, ErrDenied},
		"no LFS":          {func(s *lfsserver.Server, _ *Remote) { s.Status = http.StatusNotFound }, ErrNoServer},
		"broken":          {func(s *lfsserver.Server, _ *Remote) { s.Status = http.StatusBadGateway }, ErrUnreachable},
		"nobody listens":  {func(_ *lfsserver.Server, r *Remote) { r.Endpoint = "http://127.0.0.1:1/x" }, ErrUnreachable},
		"elsewhere, gone": {func(s *lfsserver.Server, _ *Remote) { s.Storage = "http://127.0.0.1:1" }, ErrUnreachable},
		"no address":      {func(s *lfsserver.Server, _ *Remote) { s.Storage = "nowhere" }, ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			srv, remote := server(t)
			p := parse(t, srv.Add(large))
			c.spoil(srv, remote)
			store := OpenStore(t.TempDir())
			err := remote.Fetch(t.Context(), store, []Pointer{p}, never, nil)
			if !errors.Is(err, c.want) || store.Has(p) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "://") {
				t.Errorf("it names an address: %v", err)
			}
		})
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	srv, remote := server(t)
	srv.Stall = true
	p := parse(t, srv.Add(large))
	ctx, cancel := context.WithCancel(t.Context())
	err := remote.Fetch(ctx, OpenStore(t.TempDir()), []Pointer{p}, never, func(int64, int64) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// The token goes to the repository's own server, not to where it keeps its objects, nor to where it redirects.
func TestTokenStaysAtItsHost(t *testing.T) {
	srv, remote := server(t)
	storage, _ := server(t)
	srv.Token, srv.Storage = "tok", storage.URL
	remote.Scope, remote.Authorization = srv.URL+"/", "Basic OnRvaw==" // :tok
	p := parse(t, srv.Add("x"))
	storage.Add("x")
	must(t, remote.Fetch(t.Context(), OpenStore(t.TempDir()), []Pointer{p}, never, nil))
	if _, _, seen := storage.Asked(); !slices.Equal(seen, []string{""}) {
		t.Errorf("the other host saw %q", seen)
	}
	var got []string
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, storage.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer away.Close()
	srv.Storage = away.URL
	remote.Scope = away.URL + "/" // even of a host that may have it, it goes no further
	srv.Token = ""
	must(t, remote.Fetch(t.Context(), OpenStore(t.TempDir()), []Pointer{p}, never, nil))
	if _, _, got = storage.Asked(); !slices.Equal(got, []string{"", ""}) {
		t.Errorf("where it redirects to saw %q", got)
	}
	remote.Endpoint = away.URL
	if err := remote.Fetch(t.Context(), OpenStore(t.TempDir()), []Pointer{p}, never, nil); !errors.Is(err, ErrUnreachable) {
		t.Errorf("a batch API that redirects to another host: %v", err)
	}
}

// A Gitea behind a proxy names the address that it believes to have.
func TestAddressThatTheServerBelievesToHave(t *testing.T) {
	srv, remote := server(t)
	srv.Storage = "http://gitea.invalid:3000/a/b.git/info/lfs"
	p := parse(t, srv.Add("weights"))
	store := OpenStore(t.TempDir())
	must(t, remote.Fetch(t.Context(), store, []Pointer{p}, never, nil))
	for href, want := range map[string]string{
		"http://x/gitea/a/b.git/info/lfs/objects/" + p.OID: remote.Endpoint + "/objects/" + p.OID,
		"http://x/other/b.git/info/lfs/objects/" + p.OID:   "http://x/other/b.git/info/lfs/objects/" + p.OID,
		"http://s3/bucket/" + p.OID:                        "http://s3/bucket/" + p.OID,
		"://":                                              "://",
	} {
		if got := remote.own(href, p); got != want {
			t.Errorf("own(%q) = %q", href, got)
		}
	}
}

func TestOneObjectIsFetchedOnce(t *testing.T) {
	srv, remote := server(t)
	remote.Authorization, remote.Scope = "Basic eA==", remote.Endpoint[:len(remote.Endpoint)-len("a/b.git/info/lfs")]
	p := parse(t, srv.Add(large))
	store := OpenStore(t.TempDir())
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := remote.Fetch(t.Context(), store, []Pointer{p}, never, nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if _, ranges, _ := srv.Asked(); len(ranges) < 1 || len(ranges) > 1 {
		t.Errorf("it was sent %d times", len(ranges))
	}
}

// A service owns its copy: what it does to it stays with it. An object that was damaged all the same is noticed.
func TestStoreIsNotDamaged(t *testing.T) {
	srv, remote := server(t)
	p := parse(t, srv.Add("weights"))
	store := OpenStore(t.TempDir())
	must(t, remote.Fetch(t.Context(), store, []Pointer{p}, never, nil))
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	must(t, err)
	must(t, store.CopyTo(t.Context(), p, f))
	_, err = f.WriteAt([]byte("W"), 0)
	must(t, errors.Join(err, f.Close()))
	if got := read(t, store, p); got != "weights" {
		t.Errorf("the store has %q", got)
	}
	must(t, os.Chmod(store.object(p.OID), 0o600))
	must(t, os.WriteFile(store.object(p.OID), []byte("weightz"), 0o600))
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	must(t, err)
	defer out.Close()
	if err := store.CopyTo(t.Context(), p, out); !errors.Is(err, ErrCorrupt) || store.Has(p) {
		t.Errorf("got %v", err)
	}
}

func TestCollect(t *testing.T) {
	srv, remote := server(t)
	a, b, both, fresh := parse(t, srv.Add("a")), parse(t, srv.Add("b")), parse(t, srv.Add("both")), parse(t, srv.Add("fresh"))
	store := OpenStore(t.TempDir())
	must(t, remote.Fetch(t.Context(), store, []Pointer{a, b, both, fresh}, never, nil))
	one, two, three := strings.Repeat("1", 40), strings.Repeat("2", 40), strings.Repeat("3", 40)
	must(t, store.Note(one, []Pointer{a, both}))
	must(t, store.Note(two, []Pointer{both, b}))
	part := store.incoming(strings.Repeat("f", 64))
	must(t, os.WriteFile(part, []byte("half"), 0o600))
	old := time.Now().Add(-2 * time.Hour)
	for _, f := range []string{store.object(a.OID), store.object(b.OID), store.object(both.OID), part, filepath.Join(store.dir, "uses", one), filepath.Join(store.dir, "uses", two)} {
		must(t, os.Chtimes(f, old, old))
	}
	must(t, store.Note(three, nil)) // a deploy under way: its release is not known yet
	before := time.Now().Add(-time.Hour)
	would, err := store.Unused(t.Context(), map[string]bool{two: true}, before)
	must(t, err)
	if !store.Has(a) {
		t.Error("asking removes")
	}
	gone, err := store.Collect(t.Context(), map[string]bool{two: true}, before)
	must(t, err)
	if len(gone) != 3 || !slices.Equal(gone, would) {
		t.Errorf("removed %v, said %v", gone, would)
	}
	if store.Has(a) || !store.Has(b) || !store.Has(both) || !store.Has(fresh) {
		t.Errorf("a %t, b %t, both %t, fresh %t", store.Has(a), store.Has(b), store.Has(both), store.Has(fresh))
	}
	if n, count, err := store.Size(t.Context()); err != nil || n != int64(len("b"+"both"+"fresh")) || count != 3 {
		t.Errorf("%d bytes, %d objects, %v", n, count, err)
	}
	if _, err := os.Stat(filepath.Join(store.dir, "uses", three)); err != nil {
		t.Error(err)
	}
	if _, err := OpenStore(filepath.Join(t.TempDir(), "none")).Collect(t.Context(), nil, before); err != nil {
		t.Errorf("an empty store: %v", err)
	}
	if err := store.Note("../../x", nil); err == nil {
		t.Error("a note of what is no commit")
	}
}

func TestReadBounds(t *testing.T) {
	p := Pointer{OID: strings.Repeat("a", 64), Size: 10}
	wrong := func(context.Context, int64) (io.ReadCloser, int64, error) {
		return io.NopCloser(bytes.NewReader(make([]byte, 10))), 5, nil
	}
	if err := OpenStore(t.TempDir()).Put(t.Context(), p, wrong, nil); !errors.Is(err, ErrUnreachable) {
		t.Errorf("another part than asked for: %v", err)
	}
	for text, want := range map[string]int64{"bytes 5-9/10": 5, "bytes x": -1, "": -1, "bytes 0-": 0} {
		if got := begins(text); got != want {
			t.Errorf("begins(%q) = %d, want %d", text, got, want)
		}
	}
	for at, want := range map[string]bool{
		"https://g.example/a/b": true, "https://G.example/a": true, "http://g.example/a": false, "https://g.example.evil/a": false,
		"https://u@g.example/a": false, "https://g.example:444/a": false, "https://g.example/../a": false, "://": false,
	} {
		if Within("https://g.example/", at) != want {
			t.Errorf("Within(%q) is not %t", at, want)
		}
	}
	if Within("https://g.example/gitea/", "https://g.example/other/a") || !Within("https://g.example/gitea/", "https://g.example/gitea/a") {
		t.Error("a scope with a path")
	}
}

func FuzzPointer(f *testing.F) {
	oid := strings.Repeat("0123456789abcdef", 4)
	for _, s := range []string{Pointer{oid, 5}.Text(), begin + "v1\n", begin + "v1\nsize 1\noid sha256:" + oid + "\n", begin + "v1\r\noid sha256:" + oid + "\r\nsize 1\r\n",
		begin + "v1\next-0-x sha256:" + oid + "\noid sha256:" + oid + "\nsize 1\n", begin + "v1\noid sha256:" + oid + "\nsize -1\n", "text"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParsePointer([]byte(text))
		if err != nil {
			return
		}
		if again, err := ParsePointer([]byte(p.Text())); err != nil || again != p || p.Size < 0 || p.Size > maxObject || !ValidOID(p.OID) {
			t.Errorf("%q gave %+v, and that %+v, %v", text, p, again, err)
		}
	})
}
