package envs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

func TestAnswersAreBelieved(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program, script := filepath.Join(dir, "python3"), filepath.Join(dir, "shim")
	put := func(path, text string) {
		t.Helper()
		temp := path + ".new"
		if err := os.WriteFile(temp, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(temp, path); err != nil {
			t.Fatal(err)
		}
	}
	put(program, "\x7fELF one")
	put(script, "#!/bin/sh\n")
	var a answers
	asked := 0
	var fault error
	ask := func(path string, now time.Time) string {
		t.Helper()
		py, err := a.ask(t.Context(), path, now, func(context.Context, string) (interpreter, error) {
			asked++
			return interpreter{version: strconv.Itoa(asked)}, fault
		})
		if !errors.Is(err, fault) {
			t.Errorf("%v", err)
		}
		return py.version
	}
	start := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		what, path string
		at         time.Duration
		before     func()
		want       string
	}{
		{"the first time", program, 0, nil, "1"},
		{"again", program, time.Minute, nil, "1"},
		{"replaced by another", program, 2 * time.Minute, func() { put(program, "\x7fELF two") }, "2"},
		{"again", program, 3 * time.Minute, nil, "2"},
		{"long after", program, 2*time.Minute + askAgain, nil, "3"},
		{"a script", script, 0, nil, "4"},
		{"a script is asked every time", script, 0, nil, "5"},
		{"nothing there", filepath.Join(dir, "none"), 0, nil, "6"},
		{"a failure", program, time.Hour, func() { fault = errors.New("busy") }, "7"},
		{"is not kept", program, time.Hour, func() { fault = nil }, "8"},
	} {
		if c.before != nil {
			c.before()
		}
		if got := ask(c.path, start.Add(c.at)); got != c.want {
			t.Errorf("%s: answer %s, want %s", c.what, got, c.want)
		}
	}
}
