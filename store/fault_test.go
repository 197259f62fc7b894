package store

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMigrationsFromEveryVersion(t *testing.T) {
	provider, err := newProvider(openTest(t).w)
	ok(t, err)
	want := schemaOf(t, openTest(t).w)
	for _, source := range provider.ListSources() {
		t.Run(fmt.Sprintf("from %d", source.Version), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "aictl.db")
			first, err := Open(t.Context(), Options{Path: path, Key: testKey})
			ok(t, err)
			p, err := newProvider(first.w)
			ok(t, err)
			_, err = p.DownTo(t.Context(), source.Version)
			ok(t, err)
			if source.Version >= 1 {
				_, err = first.w.Exec(`INSERT INTO services (name, source_kind, source_url, source_ref, source_subdir, wanted, replicas,
  replicas_pinned, groups, created_at, updated_at) VALUES ('old', 'dir', '/x', '', '', 'running', 1, 0, '[]', 1, 1)`)
				ok(t, err)
			}
			ok(t, first.Close())
			s := openAt(t, path)
			equal(t, schemaOf(t, s.w), want)
			_, err = s.Service(t.Context(), "old")
			ok(t, err)
		})
	}
}

func schemaOf(t *testing.T, db *sql.DB) map[string]string {
	t.Helper()
	rows, err := db.Query("SELECT name, coalesce(sql, '') FROM sqlite_schema")
	ok(t, err)
	defer rows.Close()
	schema := map[string]string{}
	for rows.Next() {
		var name, text string
		ok(t, rows.Scan(&name, &text))
		schema[name] = text
	}
	ok(t, rows.Err())
	return schema
}

func TestNewerSchemaIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aictl.db")
	s, err := Open(t.Context(), Options{Path: path, Key: testKey})
	ok(t, err)
	_, err = s.w.Exec("INSERT INTO schema_versions (version_id, is_applied) VALUES (99, 1)")
	ok(t, err)
	ok(t, s.Close())
	_, err = Open(t.Context(), Options{Path: path, Key: testKey})
	wantErr(t, err, ErrNewerSchema)
	for _, word := range []string{path, "version 99", "knows up to", "install the aictl", "backup"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("message lacks %q: %v", word, err)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	ok(t, os.WriteFile(garbage, []byte(strings.Repeat("this is no database. ", 100)), 0o600))
	sealed := filepath.Join(dir, "sealed.db")
	s, err := Open(t.Context(), Options{Path: sealed, Key: testKey})
	ok(t, err)
	ok(t, s.Close())
	for name, tc := range map[string]struct {
		o    Options
		kind error
		word string
	}{
		"garbage":   {Options{Path: garbage, Key: testKey}, ErrCorrupt, "restore a backup"},
		"no folder": {Options{Path: filepath.Join(dir, "none", "aictl.db"), Key: testKey}, fs.ErrNotExist, "create the data directory"},
		"file":      {Options{Path: filepath.Join(garbage, "aictl.db"), Key: testKey}, nil, "create the data directory"},
		"wrong key": {Options{Path: sealed, Key: []byte("another key that has 32 bytes ..")}, ErrSealed, "secret.key"},
		"short key": {Options{Path: sealed, Key: []byte("short")}, nil, "32"},
	} {
		_, err := Open(t.Context(), tc.o)
		if err == nil || (tc.kind != nil && !errors.Is(err, tc.kind)) || !strings.Contains(err.Error(), tc.word) || !strings.Contains(err.Error(), tc.o.Path) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// asNobody runs f on a thread that has lost root's power over files. The thread ends with it.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is thrown away
		err := error(nil)
		if os.Geteuid() == 0 {
			err = unix.Setfsuid(65534)
		}
		if err == nil {
			f()
		}
		done <- err
	}()
	ok(t, <-done)
}

func TestFolderWithoutPermission(t *testing.T) {
	dir := t.TempDir()
	ok(t, os.Chmod(dir, 0o500))
	asNobody(t, func() {
		_, err := Open(context.Background(), Options{Path: filepath.Join(dir, "aictl.db"), Key: testKey})
		if !errors.Is(err, ErrPermission) || !strings.Contains(err.Error(), "chown") {
			t.Errorf("open in a folder that cannot be written: %v", err)
		}
		if _, err := LoadOrCreateKey(filepath.Join(dir, "secret.key")); !errors.Is(err, ErrPermission) {
			t.Errorf("create a key there: %v", err)
		}
	})
}

func TestDiskFullUndoesTheWholeWrite(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aictl.db")
	s, err := open(t.Context(), Options{Path: path, Key: testKey}, 150)
	ok(t, err)
	defer func() { ok(t, s.Close()) }()
	addService(t, s, "ocr")
	big := map[string]string{"X": strings.Repeat("x", 1<<20)}
	wantErr(t, s.SetEnv(t.Context(), "ocr", big), ErrDisk)
	_, err = s.w.Exec("PRAGMA max_page_count = 100000")
	ok(t, err)
	got, err := s.Service(t.Context(), "ocr")
	ok(t, err)
	if got.Env != nil {
		t.Error("half a write was kept")
	}
	ok(t, s.SetEnv(t.Context(), "ocr", big))
	_, err = open(t.Context(), Options{Path: filepath.Join(t.TempDir(), "aictl.db"), Key: testKey}, 3)
	wantErr(t, err, ErrDisk)
}

func TestSecretsAreNotOnDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aictl.db")
	s, err := Open(t.Context(), Options{Path: path, Key: testKey})
	ok(t, err)
	addService(t, s, "ocr")
	addService(t, s, "nlp")
	ok(t, s.SetEnv(t.Context(), "ocr", map[string]string{"TOKEN": "plainly-visible"}))
	ok(t, s.SetSetting(t.Context(), "gitea.token", "plainly-visible", true, "ann"))
	// A sealed value copied to another row does not open there.
	_, err = s.w.Exec("UPDATE services SET env = (SELECT env FROM services WHERE name = 'ocr') WHERE name = 'nlp'")
	ok(t, err)
	_, err = s.Service(t.Context(), "nlp")
	wantErr(t, err, ErrSealed)
	ok(t, s.Close())
	files, err := filepath.Glob(path + "*")
	ok(t, err)
	for _, f := range files {
		b, err := os.ReadFile(f)
		ok(t, err)
		if strings.Contains(string(b), "plainly-visible") {
			t.Errorf("%s holds a secret in clear", f)
		}
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret.key")
	keys := make(chan []byte, 8)
	for range cap(keys) { // programs that start at once agree on one key
		go func() {
			key, err := LoadOrCreateKey(path)
			if err != nil {
				t.Error(err)
			}
			keys <- key
		}()
	}
	first := <-keys
	for range cap(keys) - 1 {
		equal(t, <-keys, first)
	}
	info, err := os.Stat(path)
	ok(t, err)
	if info.Mode().Perm() != 0o600 || len(first) != KeySize {
		t.Errorf("mode %o, %d bytes", info.Mode().Perm(), len(first))
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".secret-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	ok(t, os.Chmod(path, 0o640))
	if _, err := LoadOrCreateKey(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key others can read: %v", err)
	}
	ok(t, os.Chmod(path, 0o600))
	ok(t, os.WriteFile(path, first[:31], 0o600))
	if _, err := LoadOrCreateKey(path); err == nil || !strings.Contains(err.Error(), "31 bytes") {
		t.Errorf("a short key: %v", err)
	}
	ok(t, os.Remove(path))
	ok(t, os.Symlink("/dev/zero", path))
	if _, err := LoadOrCreateKey(path); err == nil || !strings.Contains(err.Error(), "regular file") {
		t.Errorf("a link as key: %v", err)
	}
}

func TestConcurrentWritersAndReaders(t *testing.T) {
	s, ctx := openTest(t), t.Context()
	s.now = time.Now // the test clock is for one goroutine
	addService(t, s, "ocr")
	r := addRelease(t, s, "ocr")
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 20 {
				if _, err := s.AddInstances(ctx, "ocr", r.ID, 1, false); err != nil {
					t.Error(err)
				}
				if err := s.SetSetting(ctx, fmt.Sprintf("k%d", g), fmt.Sprint(i), false, "x"); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for range 40 {
				if _, err := s.Instances(ctx, "ocr", ""); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	is, err := s.Instances(ctx, "ocr", "")
	ok(t, err)
	for i, v := range is {
		if v.Slot != i+1 {
			t.Fatalf("slot %d at place %d", v.Slot, i)
		}
	}
	if len(is) != 160 {
		t.Errorf("%d instances, want 160", len(is))
	}
}

// crashHelper is what the re-executed test binary runs: it deploys for ever and says what is safe.
func crashHelper() {
	path := os.Getenv("STORE_CRASH_PATH")
	if path == "" {
		return
	}
	ctx := context.Background()
	s, err := Open(ctx, Options{Path: path, Key: testKey})
	for err == nil {
		if _, _, err = s.EnqueueDeploy(ctx, Deploy{Service: "ocr"}); err != nil {
			break
		}
		var d Deploy
		if d, _, err = s.ClaimDeploy(ctx, 1); err != nil {
			break
		}
		if _, err = s.StartStep(ctx, d.ID, "fetch"); err != nil {
			break
		}
		fmt.Println(d.ID)
		_, err = s.FinishDeploy(ctx, d.ID, DeployLive, "", "")
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestKilledDaemonLosesNothingItConfirmed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "aictl.db")
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "STORE_CRASH_PATH="+path)
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	last := int64(0)
	for lines := bufio.NewScanner(out); last < 25 && lines.Scan(); {
		_, err := fmt.Sscan(lines.Text(), &last)
		ok(t, err)
	}
	ok(t, cmd.Process.Kill())
	if err := cmd.Wait(); err == nil || last < 25 {
		t.Fatalf("the writer ended by itself after %d deploys: %v", last, err)
	}
	s := openAt(t, path)
	_, err = s.InterruptDeploys(t.Context())
	ok(t, err)
	all, err := s.Deploys(t.Context(), DeployFilter{})
	ok(t, err)
	for _, d := range all {
		steps, err := s.Steps(t.Context(), d.ID)
		ok(t, err)
		if d.ID < last && (d.State != DeployLive || len(steps) != 1 || steps[0].State != StepDone) {
			t.Errorf("deploy %d is %s with %v", d.ID, d.State, steps)
		}
		if d.State == DeployRunning {
			t.Errorf("deploy %d still runs", d.ID)
		}
	}
	if int64(len(all)) < last {
		t.Errorf("%d deploys, %d were confirmed", len(all), last)
	}
}
