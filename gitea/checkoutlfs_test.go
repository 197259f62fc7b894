package gitea

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aictl/gitea/internal/lfsserver"
)

func TestLFS(t *testing.T) {
	const token = "s3cr3t-token-value"
	objects := lfsserver.New()
	t.Cleanup(objects.Close)
	objects.Token = token
	base := t.TempDir()
	weights := strings.Repeat("weights ", 100_000)
	pointer := objects.Add(weights)
	within(t, base, "app.git", map[string]string{"main.py": "app", "models/a.bin": pointer, "b.bin": objects.Add("b"), "copy.bin": pointer}, nil)
	srv := front(t, serve(t, base, token).URL, objects.URL)
	objects.Storage = srv.URL + "/app.git/info/lfs"
	ms := NewMirrors(t.TempDir(), nil)
	store := ms.SetLFS(filepath.Join(t.TempDir(), "lfs"))
	dir, err := checkOut(t, ms, srv.URL+"/app.git", Auth{Token: token})
	must(t, err)
	for file, want := range map[string]string{"main.py": "app", "models/a.bin": weights, "b.bin": "b", "copy.bin": weights} {
		if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v", file, len(got), err)
		}
	}
	if n, count, err := store.Size(t.Context()); err != nil || count != 2 || n != int64(len(weights)+1) {
		t.Errorf("the store has %d objects, %d bytes, %v", count, n, err)
	}
	// The same again needs neither the server's objects nor their being asked for.
	batches, _, _ := objects.Asked()
	objects.Forget()
	again, err := checkOut(t, ms, srv.URL+"/app.git", Auth{Token: token})
	must(t, err)
	if more, _, _ := objects.Asked(); more != batches {
		t.Errorf("%d more questions", more-batches)
	}
	// A service that writes into its copy changes nobody else's.
	must(t, os.WriteFile(filepath.Join(again, "b.bin"), []byte("x"), 0o644))
	third, err := checkOut(t, ms, srv.URL+"/app.git", Auth{Token: token})
	must(t, err)
	if got, err := os.ReadFile(filepath.Join(third, "b.bin")); err != nil || string(got) != "b" {
		t.Errorf("%q, %v", got, err)
	}
	// Clean-up by what releases there are, then the server has to have it.
	if _, err := store.Collect(t.Context(), nil, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := checkOut(t, ms, srv.URL+"/app.git", Auth{Token: token}); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "git lfs push") {
		t.Errorf("got %v", err)
	}
}

// The object is in the store, and the repository's server was never asked whether it may have it.
func TestLFSObjectsOfOthers(t *testing.T) {
	mine, theirs := lfsserver.New(), lfsserver.New()
	t.Cleanup(mine.Close)
	t.Cleanup(theirs.Close)
	base := t.TempDir()
	pointer := theirs.Add("their weights")
	within(t, base, "app.git", map[string]string{"a.bin": pointer}, nil)
	git := serve(t, base, "")
	ms := NewMirrors(t.TempDir(), nil)
	ms.SetLFS(filepath.Join(t.TempDir(), "lfs"))
	_, err := checkOut(t, ms, front(t, git.URL, theirs.URL).URL+"/app.git", Auth{})
	must(t, err)
	if _, err := checkOut(t, ms, front(t, git.URL, mine.URL).URL+"/app.git", Auth{}); !errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
}

func TestLFSFaults(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*lfsserver.Server)
		extra map[string]string
		want  error
		says  string
	}{
		"no LFS":           {func(s *lfsserver.Server) { s.Status = 404 }, nil, ErrRefused, "turn LFS on"},
		"denied":           {func(s *lfsserver.Server) { s.Token = "other" }, nil, ErrAuth, "a.bin"},
		"damaged":          {func(s *lfsserver.Server) { s.Damage = true }, nil, ErrRefused, "push the files again"},
		"foreign, denied":  {func(s *lfsserver.Server) { s.Token = "s3cr3t-token-value" }, map[string]string{".lfsconfig": "[lfs]\n\turl = FOREIGN/x\n"}, ErrAuth, "a.bin"},
		"foreign, open":    {func(*lfsserver.Server) {}, map[string]string{".lfsconfig": "[lfs]\n\turl = FOREIGN/x\n"}, nil, ""},
		"a file to ask":    {func(*lfsserver.Server) {}, map[string]string{".lfsconfig": "[lfs]\n\turl = file:///etc\n"}, ErrRefused, "lfs.url"},
		"not a pointer":    {func(*lfsserver.Server) {}, map[string]string{"odd.bin": "version https://git-lfs.github.com/spec/v1\nhello\n"}, ErrRefused, "odd.bin"},
		"nothing the case": {func(*lfsserver.Server) {}, nil, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			objects := lfsserver.New()
			t.Cleanup(objects.Close)
			files := map[string]string{"a.bin": objects.Add("weights")}
			for file, text := range c.extra {
				files[file] = strings.ReplaceAll(text, "FOREIGN", objects.URL)
			}
			c.spoil(objects)
			base := t.TempDir()
			within(t, base, "app.git", files, nil)
			ms := NewMirrors(t.TempDir(), nil)
			ms.SetLFS(filepath.Join(t.TempDir(), "lfs"))
			srv := front(t, serve(t, base, "").URL, objects.URL)
			_, err := checkOut(t, ms, srv.URL+"/app.git", Auth{Token: "s3cr3t-token-value"})
			if !errors.Is(err, c.want) || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %v saying %q", err, c.want, c.says)
			}
		})
	}
}

func TestLFSOfALocalRepository(t *testing.T) {
	objects := lfsserver.New()
	t.Cleanup(objects.Close)
	pointer := objects.Add("weights")
	oid := strings.Fields(pointer)[3][len("sha256:"):]
	base := t.TempDir()
	within(t, base, "app.git", map[string]string{"a.bin": pointer}, nil)
	ms := NewMirrors(t.TempDir(), nil)
	ms.SetLFS(filepath.Join(t.TempDir(), "lfs"))
	if _, err := checkOut(t, ms, filepath.Join(base, "app.git"), Auth{}); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "git lfs pull") {
		t.Errorf("without its content: %v", err)
	}
	at := filepath.Join(base, "app.git", "lfs", "objects", oid[:2], oid[2:4])
	must(t, os.MkdirAll(at, 0o755))
	must(t, os.WriteFile(filepath.Join(at, oid), []byte("weights"), 0o644))
	dir, err := checkOut(t, ms, filepath.Join(base, "app.git"), Auth{})
	must(t, err)
	if got, err := os.ReadFile(filepath.Join(dir, "a.bin")); err != nil || string(got) != "weights" {
		t.Errorf("%q, %v", got, err)
	}
	for _, damaged := range []string{"weightz", "other weights"} {
		must(t, os.WriteFile(filepath.Join(at, oid), []byte(damaged), 0o644))
		if _, err := checkOut(t, ms, filepath.Join(base, "app.git"), Auth{}); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "git lfs fsck") {
			t.Errorf("damaged: %v", err)
		}
	}
}
