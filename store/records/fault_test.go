package records

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func wantErr(t testing.TB, err, kind error, what string) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("%s: error is %v, want %v", what, err, kind)
	}
}

func count(t testing.TB, a *Archive) int64 {
	t.Helper()
	s, err := a.Stats(context.Background(), Filter{}, ByNothing)
	ok(t, err)
	if len(s.Warnings) > 0 {
		t.Fatalf("warnings: %v", s.Warnings)
	}
	return s.Count
}

func TestDiskFullKeepsNothingAndRecovers(t *testing.T) {
	a := openTest(t, t.TempDir())
	a.maxPages = 40
	add(t, a, series(noon, 10)...)
	big := series(noon.Add(time.Hour), 100)
	for i, x := range big {
		x.Response = message(noise(8000 + i*8000)[i*8000:])
	}
	wantErr(t, a.Append(big), ErrDisk, "append to a full disk")
	if n := count(t, a); n != 10 {
		t.Fatalf("%d records after the failed batch, want the 10 before it", n)
	}
	a.maxPages = 0 // space is back
	for _, w := range a.writers {
		ok(t, w.abandon())
	}
	a.writers = nil
	add(t, a, big...)
	if n := count(t, a); n != 110 {
		t.Errorf("%d records after space came back, want 110", n)
	}
}

func TestDiskFullForBodyFile(t *testing.T) {
	a := openTest(t, t.TempDir())
	put := a.bodies.put
	a.bodies.put = func(path string, data []byte) error {
		return &fs.PathError{Op: "write", Path: path, Err: syscall.ENOSPC}
	}
	x := exchange(noon, 1)
	x.Request = message(noise(100 << 10))
	wantErr(t, a.Append([]*Exchange{exchange(noon, 2), x}), ErrDisk, "append with a full disk")
	if n := count(t, a); n != 0 {
		t.Fatalf("%d records of the failed batch were kept", n)
	}
	a.bodies.put = put
	add(t, a, x)
	_, err := a.Get(t.Context(), x.ID)
	ok(t, err)
}

func TestHalfWrittenBodyIsCleanedUp(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, "bodies", "ab", temporaryPrefix+"123")
	ok(t, os.MkdirAll(filepath.Dir(left), 0o700))
	ok(t, os.WriteFile(left, []byte("half"), 0o600))
	openTest(t, dir)
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("half-written body is still there: %v", err)
	}
}

func TestDamagedDayFilesDoNotHideTheOthers(t *testing.T) {
	dir := t.TempDir()
	a := openTest(t, dir)
	for i := range 4 {
		add(t, a, series(noon.AddDate(0, 0, i), 200)...)
	}
	ok(t, a.Close())
	garbage := filepath.Join(dir, "2026-11-22.db")
	ok(t, os.WriteFile(garbage, []byte("this is not a database, but it is long enough to be one"), 0o600))
	ok(t, os.Truncate(filepath.Join(dir, "2026-11-23.db"), 8192*3))
	ok(t, os.WriteFile(filepath.Join(dir, "2026-11-25.db"), nil, 0o600))
	ok(t, os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600))
	a = openTest(t, dir)
	page, err := a.List(t.Context(), Filter{Limit: 10000})
	ok(t, err)
	perDay := map[string]int{}
	for _, x := range page.Records {
		perDay[x.StartedAt.Format(dayLayout)]++
	}
	if perDay["2026-11-21"] != 200 || perDay["2026-11-24"] != 200 {
		t.Errorf("listed %v", perDay)
	}
	if len(page.Warnings) != 2 || !strings.Contains(page.Warnings[0], "2026-11-23.db") || !strings.Contains(page.Warnings[1], "2026-11-22.db") {
		t.Errorf("warnings: %q", page.Warnings)
	}
	_, err = a.Get(t.Context(), idOf(noon.AddDate(0, 0, 1), 0))
	wantErr(t, err, ErrNotFound, "get from a damaged file")
	if !strings.Contains(err.Error(), "cannot be read") {
		t.Errorf("error hides that a file cannot be read: %v", err)
	}

	// Recording on such a day goes on in a new file, and the damaged one is kept and told of.
	add(t, a, exchange(noon.AddDate(0, 0, 1), 7))
	page, err = a.List(t.Context(), Filter{Since: noon.AddDate(0, 0, 1), Until: noon.AddDate(0, 0, 1).Add(time.Minute)})
	ok(t, err)
	if len(page.Records) != 1 || len(page.Warnings) != 1 || !strings.Contains(page.Warnings[0], "set aside") {
		t.Errorf("after recording on: %d records, warnings %q", len(page.Records), page.Warnings)
	}
}

func TestDamagedBodiesAreNotReturned(t *testing.T) {
	dir := t.TempDir()
	a := openTest(t, dir)
	small, large, gone := exchange(noon, 1), exchange(noon, 2), exchange(noon, 3)
	large.Response = message(noise(70 << 10))
	gone.Response = message(noise(71 << 10))
	add(t, a, small, large, gone)
	w, err := a.writer(dayOf(noon))
	ok(t, err)
	files, err := filepath.Glob(filepath.Join(dir, "bodies", "*", "*"))
	ok(t, err)
	for _, f := range files {
		info, err := os.Stat(f)
		ok(t, err)
		if info.Size() > 70<<10 {
			ok(t, os.Remove(f))
			continue
		}
		ok(t, os.WriteFile(f, noise(70<<10-1), 0o600))
	}
	for _, x := range []*Exchange{large, gone} {
		_, err := a.Get(t.Context(), x.ID)
		wantErr(t, err, ErrCorrupt, "get "+x.ID)
	}
	ok(t, w.conn.Exec(`UPDATE blocks SET data = substr(data, 1, 100) || x'00' || substr(data, 102)`))
	a.cache.forget(dayOf(noon))
	for _, x := range []*Exchange{small, large, gone} {
		_, err := a.Get(t.Context(), x.ID)
		wantErr(t, err, ErrCorrupt, "get "+x.ID+" from a damaged block")
	}
	page, err := a.List(t.Context(), Filter{})
	ok(t, err)
	if len(page.Records) != 3 || page.Records[0].Path != "/predict" || len(page.Warnings) != 1 || !strings.Contains(page.Warnings[0], "3 records") {
		t.Errorf("of a damaged block %v is listed, warnings %q", page.Records, page.Warnings)
	}
}

func TestNewerDayFileIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	a := openTest(t, dir)
	add(t, a, exchange(noon, 1))
	ok(t, a.writers[0].conn.Exec("PRAGMA user_version = 3"))
	ok(t, a.writers[0].abandon())
	a.writers = nil
	page, err := a.List(t.Context(), Filter{})
	ok(t, err)
	if len(page.Warnings) != 1 || !strings.Contains(page.Warnings[0], "newer aictl") {
		t.Errorf("warnings: %q", page.Warnings)
	}
	wantErr(t, a.Append([]*Exchange{exchange(noon, 2)}), errNewerDay, "append to a newer file")
}

func TestClosedArchive(t *testing.T) {
	a := openTest(t, t.TempDir())
	add(t, a, exchange(noon, 1))
	ok(t, a.Close())
	wantErr(t, a.Append([]*Exchange{exchange(noon, 2)}), ErrClosed, "append")
	_, err := a.List(t.Context(), Filter{})
	wantErr(t, err, ErrClosed, "list")
	if left, err := filepath.Glob(filepath.Join(a.dir, "*-wal")); err != nil || len(left) > 0 {
		t.Errorf("write-ahead logs are left: %v %v", left, err)
	}
}

func TestConcurrentReadersAndSweeps(t *testing.T) {
	a := openTest(t, t.TempDir())
	done := make(chan struct{})
	var readers sync.WaitGroup
	for i := range 3 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := a.List(context.Background(), Filter{OldestFirst: i == 0}); err != nil {
					t.Error(err)
					return
				}
				if i == 2 {
					if _, err := a.Sweep(context.Background(), noon); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for i := range 30 {
		add(t, a, series(noon.Add(time.Duration(i)*time.Minute), 20)...)
		add(t, a, exchange(noon.AddDate(0, 0, -1-i%10), i))
	}
	close(done)
	readers.Wait()
	s, err := a.Stats(t.Context(), Filter{Since: noon}, ByNothing)
	ok(t, err)
	if s.Count != 600 {
		t.Errorf("%d records, want 600", s.Count)
	}
}

// crashHelper is what the re-executed test binary runs: it appends for ever and says which batch is safe.
func crashHelper() {
	dir := os.Getenv("RECORDS_CRASH_DIR")
	if dir == "" {
		return
	}
	a, err := Open(dir, Options{})
	for n := 0; err == nil; n++ {
		xs := series(noon.Add(time.Duration(n)*time.Second), 40)
		for i, x := range xs {
			x.ID, x.StartedAt = idOf(noon.Add(time.Duration(n)*time.Second), i), noon.Add(time.Duration(n)*time.Second)
		}
		xs[0].Request = message(append(noise(80<<10), byte(n)))
		if err = a.Append(xs); err == nil {
			fmt.Println(n)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestKilledWriterLosesNothingItConfirmed(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "RECORDS_CRASH_DIR="+dir)
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	last := -1
	for lines := bufio.NewScanner(out); last < 20 && lines.Scan(); {
		_, err := fmt.Sscan(lines.Text(), &last)
		ok(t, err)
	}
	ok(t, cmd.Process.Kill())
	if err := cmd.Wait(); err == nil {
		t.Fatal("the writer ended by itself")
	}
	if last < 20 {
		t.Fatalf("the writer confirmed %d batches only", last)
	}
	a := openTest(t, dir)
	n := count(t, a)
	if n < int64(last+1)*40 || n%40 != 0 {
		t.Errorf("%d records after %d confirmed batches of 40: something is lost or half written", n, last+1)
	}
	for i := range last + 1 {
		_, err := a.Get(t.Context(), idOf(noon.Add(time.Duration(i)*time.Second), 0))
		ok(t, err)
	}
	add(t, a, exchange(noon.Add(time.Hour), 1))
}
