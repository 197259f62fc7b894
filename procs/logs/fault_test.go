package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestDiskFull fills the disk at every possible byte and wants: what is in the file parses, and what is not is
// counted exactly and told once.
func TestDiskFull(t *testing.T) {
	chunks := []struct {
		s    Stream
		text string
	}{
		{Stdout, "one\ntwo\nthr"}, {Stderr, "E1\nE2"}, {Stdout, "ee\nfour\n"}, {Stderr, "\nE3\n"}, {Stdout, strings.Repeat("x", maxPart+9)}, {Stdout, "\nend"},
	}
	var total int
	for _, c := range chunks {
		total += len(c.text)
	}
	step := int64(1)
	for room := int64(0); room < int64(total+700); room += step {
		if step = 1; room > 600 && room < maxPart {
			step = 4001
		}
		d := newFakeDisk()
		w := open(t, Options{Path: "/logs/x.log", disk: d})
		d.set(room, nil)
		for _, c := range chunks {
			w.Write(c.s, []byte(c.text))
		}
		w.EndStream(Stdout)
		lost := w.Lost()
		if err := w.Err(); err != nil && (lost == 0 || !errors.Is(err, syscall.ENOSPC)) {
			t.Fatalf("room %d: lost %d, error %v", room, lost, err)
		}
		d.set(-1, nil)
		w.Write(Stdout, []byte("alive\n"))
		closeWriter(t, w)
		out, _ := rejoin(t, d.all("/logs/x.log"))
		if w.Lost() != lost {
			t.Fatalf("room %d: lost %d more with room enough", room, w.Lost()-lost)
		}
		checkLoss(t, room, total+len("alive\n"), lost, out)
	}
}

// checkLoss wants every byte that was written or counted.
func checkLoss(t *testing.T, room int64, total int, lost int64, out [streams][]byte) {
	t.Helper()
	var marked int64
	var kept int
	for line := range strings.Lines(string(out[Stderr])) {
		var n int64
		if _, err := fmt.Sscanf(line, "aictl: %d bytes of output lost", &n); err == nil {
			marked += n
			continue
		}
		kept += len(line)
	}
	kept += len(out[Stdout])
	if marked != lost {
		t.Fatalf("room %d: lost %d, marked %d\n%s", room, lost, marked, out[Stderr])
	}
	// A line that was cut by a loss ends with a newline that the service never wrote, one per stream and gap.
	if diff := kept + int(lost) - total; diff < 0 || diff > 4 {
		t.Fatalf("room %d: %d kept + %d lost of %d", room, kept, lost, total)
	}
}

// TestAFullDiskIsNotFilledWithMarkers has room for a marker and for nothing else.
func TestAFullDiskIsNotFilledWithMarkers(t *testing.T) {
	d := newFakeDisk()
	w := open(t, Options{Path: "/logs/x.log", disk: d})
	d.set(0, nil)
	w.Write(Stdout, []byte("lost\n"))
	for range 10 {
		d.set(300, nil)
		w.Write(Stdout, append(bytes.Repeat([]byte("y"), 1000), '\n'))
	}
	if got := d.all("/logs/x.log"); len(got) > 0 || w.Lost() != 5+10*1001 {
		t.Fatalf("lost %d; in the file: %q", w.Lost(), got)
	}
	d.set(-1, nil)
	closeWriter(t, w)
	out, lines := rejoin(t, d.all("/logs/x.log"))
	if lines != 1 || !strings.HasPrefix(string(out[Stderr]), "aictl: 10015 bytes of output lost: no space left") {
		t.Fatalf("%q", out)
	}
}

// TestALossEndsUnfinishedLines wants what comes after a gap not to be joined with what came before.
func TestALossEndsUnfinishedLines(t *testing.T) {
	d := newFakeDisk()
	w := open(t, Options{Path: "/logs/x.log", disk: d})
	w.Write(Stdout, []byte("begun"))
	w.Flush()
	d.set(0, nil)
	w.Write(Stdout, []byte(" lost\n"))
	d.set(-1, nil)
	w.Write(Stdout, []byte("next\n"))
	closeWriter(t, w)
	out, _ := rejoin(t, d.all("/logs/x.log"))
	if string(out[Stdout]) != "begun\nnext\n" || w.Lost() != 6 {
		t.Fatalf("lost %d: %q", w.Lost(), out)
	}
}

func TestAFileThatCannotBeRepairedTakesNothing(t *testing.T) {
	d := newFakeDisk()
	w := open(t, Options{Path: "/logs/x.log", disk: d})
	w.Write(Stdout, []byte("one\n"))
	f := d.files["/logs/x.log"]
	f.noTrunc = true
	d.set(10, nil) // half a record fits
	w.Write(Stdout, []byte("two\n"))
	d.set(-1, nil)
	w.Write(Stdout, []byte("three\n"))
	if w.Lost() != int64(len("two\nthree\n")) || w.Err() == nil {
		t.Fatalf("lost %d, error %v", w.Lost(), w.Err())
	}
	f.noTrunc = false
	w.Write(Stdout, []byte("four\n"))
	closeWriter(t, w)
	out, _ := rejoin(t, d.all("/logs/x.log"))
	if string(out[Stdout]) != "one\nfour\n" || !strings.HasPrefix(string(out[Stderr]), "aictl: 10 bytes of output lost") {
		t.Fatalf("%q", out)
	}
}

func TestOpensLater(t *testing.T) {
	d := newFakeDisk()
	d.set(-1, syscall.EACCES)
	w := open(t, Options{Path: "/logs/x.log", disk: d})
	if !errors.Is(w.Err(), syscall.EACCES) {
		t.Fatalf("error %v", w.Err())
	}
	w.Write(Stdout, []byte("lost\n"))
	d.set(-1, nil)
	w.Write(Stdout, []byte("kept\n"))
	closeWriter(t, w)
	out, _ := rejoin(t, d.all("/logs/x.log"))
	if w.Lost() != 5 || string(out[Stdout]) != "kept\n" || !strings.Contains(string(out[Stderr]), "5 bytes of output lost: open log: permission denied") {
		t.Fatalf("lost %d: %q", w.Lost(), out)
	}
}

func TestGoesOnWhenItsFolderIsRemoved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	path := filepath.Join(dir, "x.log")
	w := open(t, Options{Path: path})
	w.Write(Stdout, []byte("one\n"))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	w.Write(Stdout, []byte("two\n"))
	closeWriter(t, w)
	out, _ := rejoin(t, content(t, path))
	if string(out[Stdout]) != "two\n" || w.Lost() != 0 {
		t.Fatalf("%q, lost %d", out, w.Lost())
	}
}

// TestRotationThatFails wants the current file to go on.
func TestRotationThatFails(t *testing.T) {
	d := newFakeDisk()
	w := open(t, Options{Path: "/logs/x.log", MaxBytes: 100, disk: d})
	w.Write(Stdout, []byte("one\n"))
	d.set(-1, syscall.ENOSPC)
	w.Write(Stdout, bytes.Repeat([]byte("y"), 100))
	w.Write(Stdout, []byte("\n"))
	if seqs, _ := d.Rotated("/logs/x.log"); len(seqs) != 0 || w.Lost() != 0 {
		t.Fatalf("rotated %v, lost %d", seqs, w.Lost())
	}
	d.set(-1, nil)
	w.Write(Stdout, []byte("two\n"))
	closeWriter(t, w)
	out, _ := rejoin(t, d.all("/logs/x.log"))
	if seqs, _ := d.Rotated("/logs/x.log"); len(seqs) != 1 || string(out[Stdout]) != "one\n"+strings.Repeat("y", 100)+"\ntwo\n" {
		t.Fatalf("rotated %v: %q", seqs, out)
	}
}

func TestDevFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); errors.Is(err, fs.ErrNotExist) {
		t.Log("this system has no /dev/full; the disk in memory stands for it")
		return
	}
	path := filepath.Join(t.TempDir(), "x.log")
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Fatal(err)
	}
	w := open(t, Options{Path: path})
	w.Write(Stdout, []byte("one\ntwo\n"))
	if w.Lost() != 8 || !errors.Is(w.Err(), syscall.ENOSPC) {
		t.Fatalf("lost %d, error %v", w.Lost(), w.Err())
	}
	if err := w.Close(); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("close: %v", err)
	}
	w.Write(Stdout, []byte("late"))
	if w.Lost() != 12 {
		t.Fatalf("lost %d", w.Lost())
	}
}
