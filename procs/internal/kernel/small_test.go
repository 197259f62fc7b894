package kernel

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestReadSmall(t *testing.T) {
	for _, size := range []int{0, 1, 63, 64, 65, 2047, 2048, 2049, 70_000} {
		want := bytes.Repeat([]byte("x"), size)
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, want, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, room := range []int{0, 64, 4096} {
			if got, err := ReadSmall(path, make([]byte, room)); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes into %d: got %d, %v", size, room, len(got), err)
			}
		}
	}
	if _, err := ReadSmall(filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	// The kernel gives a page at a time: this is more.
	path := "/proc/kallsyms"
	want, err := os.ReadFile(path)
	if err != nil {
		path = "/proc/self/mountinfo"
		want, err = os.ReadFile(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	var small [512]byte
	if got, err := ReadSmall(path, small[:]); err != nil || len(got) != len(want) {
		t.Errorf("%s: got %d bytes, %v; want %d", path, len(got), err, len(want))
	}
}

func TestResident(t *testing.T) {
	if pages, err := Resident(os.Getpid()); err != nil || pages <= 0 {
		t.Errorf("own memory: %d, %v", pages, err)
	}
	if _, err := Resident(1 << 30); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no process: %v", err)
	}
}
