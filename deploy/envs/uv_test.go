package envs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// uvWheel is a wheel of a program that stands in for uv.
func uvWheel(t *testing.T, dir, script string) {
	t.Helper()
	wheel(t, dir, "uv", "9.9")
	addToWheel(t, filepath.Join(dir, "uv-9.9-py3-none-any.whl"), map[string]string{"uv-9.9.data/scripts/uv": script})
}

// A uv that is missing and may be fetched is got with pip, also from what was imported, and used.
func TestUVIsFetched(t *testing.T) {
	b := offline(t)
	b.cfg.UV, b.cfg.FetchUV = "", true
	uvWheel(t, b.cfg.Wheels, "#!/bin/sh\necho \"uv 9.9 was called with $*\"\n")
	write(t, filepath.Join(b.cfg.Wheels, wheelIndex), `[{"name": "uv", "version": "9.9", "file": "uv-9.9-py3-none-any.whl"}]`)
	withoutUV(t)
	dir := tree(t, map[string]string{"main.py": "", "requirements.txt": "demo==1\n"})
	out := &output{}
	res, err := b.Build(t.Context(), request(t, dir, out))
	if err != nil || !strings.Contains(res.Detail, "uv, requirements.txt") || !strings.Contains(out.all(), "called with pip install") {
		t.Fatalf("%+v, %v\n%s", res, err, out.all())
	}
	tools, err := os.ReadDir(b.cfg.Tools)
	if err != nil || len(tools) != 1 || tools[0].Name() != "uv" {
		t.Errorf("tools: %v, %v", tools, err)
	}
}

// withoutUV takes the folders that hold a uv from the PATH.
func withoutUV(t *testing.T) {
	t.Helper()
	var path []string
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if !isFile(dir, "uv") {
			path = append(path, dir)
		}
	}
	t.Setenv("PATH", strings.Join(path, ":"))
}

// Without network a build goes on with pip, says so, and does not try again for an hour.
func TestUVCannotBeFetched(t *testing.T) {
	withoutUV(t)
	t.Setenv("PIP_FIND_LINKS", "")
	dir := t.TempDir()
	b := New(Config{Root: filepath.Join(dir, "envs"), Tools: filepath.Join(dir, "tools"), FetchUV: true, Index: "http://127.0.0.1:1/simple"})
	repo := tree(t, map[string]string{"main.py": "", "requirements.txt": "--no-index\n--find-links wheels\ndemo_pkg\n"})
	wheel(t, filepath.Join(repo, "wheels"), "demo_pkg", "1.0")
	out := &output{}
	res, err := b.Build(t.Context(), request(t, repo, out))
	if err != nil || !strings.Contains(res.Detail, "pip, requirements.txt") || !strings.Contains(out.all(), "uv could not be fetched: pip is used") {
		t.Errorf("%+v, %v\n%s", res, err, out.all())
	}
	program, err := b.fetchUV(t.Context(), request(t, repo, out), interpreter{})
	if err != nil || program != "" || !strings.Contains(out.all(), "is not tried again for an hour: pip is used") {
		t.Errorf("a second time: %q, %v\n%s", program, err, out.all())
	}
	if left, err := filepath.Glob(filepath.Join(b.cfg.Tools, "*")); err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
}

func TestIndexThatCannotBeReached(t *testing.T) {
	t.Parallel()
	err := unreachable(&Failed{Name: "uv pip install", Code: 2, Tail: []string{"error: Failed to fetch: `http://x`", "  Caused by: dns error"}})
	var failed *Failed
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "aictl env import") {
		t.Errorf("got %v", err)
	}
	if err := unreachable(&Failed{Name: "pip install", Code: 1, Tail: []string{"ERROR: No matching distribution"}}); strings.Contains(err.Error(), "aictl env import") {
		t.Errorf("got %v", err)
	}
}
