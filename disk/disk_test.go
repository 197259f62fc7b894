package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// file makes a file of n bytes.
func file(t *testing.T, n int, parts ...string) string {
	t.Helper()
	path := filepath.Join(parts...)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(strings.Repeat("x", n)), 0o600))
	return path
}

func TestMeasure(t *testing.T) {
	dir := t.TempDir()
	a := file(t, 100_000, dir, "in", "a")
	file(t, 50_000, dir, "in", "deep", "b")
	outside := file(t, 900_000, dir, "out", "big")
	must(t, os.Link(a, filepath.Join(dir, "in", "again")))
	must(t, os.Symlink(filepath.Dir(outside), filepath.Join(dir, "in", "link")))
	s, err := Measure(t.Context(), filepath.Join(dir, "in"))
	must(t, err)
	if s.Files != 3 || s.Bytes < 150_000 || s.Bytes > 300_000 || s.Shared != 0 {
		t.Errorf("a file with two names within, and a link to a folder: %+v", s)
	}
	must(t, os.Link(outside, filepath.Join(dir, "in", "big")))
	shared, err := Measure(t.Context(), filepath.Join(dir, "in"))
	must(t, err)
	if shared.Bytes < s.Bytes+900_000 || shared.Shared < 900_000 || shared.Freed() > s.Bytes+8192 {
		t.Errorf("a file with a name elsewhere: %+v, before %+v", shared, s)
	}
	// A link itself is measured, not where it leads; what is missing is nothing.
	s, err = Measure(t.Context(), filepath.Join(dir, "in", "link"), filepath.Join(dir, "nothing"))
	if err != nil || s.Bytes > 8192 {
		t.Errorf("a link: %+v, %v", s, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Measure(ctx, dir); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestShort(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		free, total, least, needed int64
		short                      bool
	}{
		{10 * gib, 100 * gib, gib, gib, false}, {gib / 2, 100 * gib, gib, gib, true}, {gib, 100 * gib, gib, gib, false},
		{20 << 20, gib, gib, gib / 50, true}, {60 << 20, gib, gib, gib / 50, false}, // a small disk is asked for a fiftieth
		{0, gib, 0, 0, false}, {5, 0, 10, 10, true},
	} {
		if needed, short := (Space{c.free, c.total}).Short(c.least); needed != c.needed || short != c.short {
			t.Errorf("%+v: %d, %v", c, needed, short)
		}
	}
	s, err := SpaceOf(t.TempDir())
	if err != nil || s.Free <= 0 || s.Total < s.Free {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := SpaceOf(filepath.Join(t.TempDir(), "nothing")); err == nil {
		t.Error("a path that is missing has a disk")
	}
}

// The dry run names exactly what the run then removes.
func TestPlanIsWhatTheRunDoes(t *testing.T) {
	root, elsewhere := t.TempDir(), t.TempDir()
	var finds []Find
	remove := func(paths ...string) func(context.Context) (bool, error) {
		return func(context.Context) (bool, error) {
			for _, p := range paths {
				if err := os.RemoveAll(p); err != nil {
					return false, err
				}
			}
			return true, nil
		}
	}
	for i := range 3 {
		path := filepath.Dir(file(t, 10_000*(i+1), root, "releases", fmt.Sprint("r", i), "f"))
		finds = append(finds, Find{Kind: "release", Service: "ocr", Name: fmt.Sprint("r", i), Paths: []string{path}, Remove: remove(path)})
	}
	busy := file(t, 10_000, root, "busy")
	finds = append(finds, Find{Kind: "environment", Name: "busy", Paths: []string{busy}, Remove: func(context.Context) (bool, error) { return false, nil }},
		Find{Kind: "environment", Name: "stuck", Bytes: 7, Remove: func(context.Context) (bool, error) { return false, errors.New("disk on fire") }})
	precious := file(t, 10_000, elsewhere, "precious")
	must(t, os.Symlink(elsewhere, filepath.Join(root, "led")))
	for _, path := range []string{precious, filepath.Join(root, "led", "precious"), filepath.Join(root, "..", filepath.Base(elsewhere)), root} {
		finds = append(finds, Find{Kind: "left-over", Name: path, Paths: []string{path}, Remove: remove(path)})
	}
	p := NewPruner(root, func(context.Context) ([]Find, error) { return finds, nil }, func(context.Context) ([]Find, error) { return nil, nil })

	plan, err := p.Plan(t.Context())
	must(t, err)
	if len(plan.Items) != len(finds) || plan.Bytes < 60_000 {
		t.Fatalf("%+v", plan)
	}
	if _, err := os.Stat(finds[0].Paths[0]); err != nil {
		t.Errorf("planning removed: %v", err)
	}
	if totals := plan.Totals(); len(totals) != 3 || !slices.ContainsFunc(totals, func(x Total) bool { return x.Kind == "release" && x.Count == 3 && x.Bytes > 60_000 }) {
		t.Errorf("totals %+v", totals)
	}
	done, err := p.Run(t.Context())
	must(t, err)
	var freed int64
	for i, item := range done.Items {
		if item.Name != plan.Items[i].Name || item.Bytes != plan.Items[i].Bytes {
			t.Errorf("planned %+v, done %+v", plan.Items[i], item)
		}
		if item.Removed != (i < 3) || item.Removed == (item.Kept != "") {
			t.Errorf("%s: removed %v, kept %q", item.Name, item.Removed, item.Kept)
		}
		if item.Removed {
			freed += item.Bytes
		}
	}
	if done.Bytes != freed || freed < 60_000 {
		t.Errorf("freed %d, said %d", freed, done.Bytes)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}

func TestNothingIsRemovedWhenASourceFails(t *testing.T) {
	root := t.TempDir()
	path := file(t, 5, root, "x")
	p := NewPruner(root, func(context.Context) ([]Find, error) {
		return []Find{{Name: "x", Paths: []string{path}, Remove: func(context.Context) (bool, error) { return true, os.Remove(path) }}}, nil
	}, func(context.Context) ([]Find, error) { return nil, errors.New("database gone") })
	if _, err := p.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "database gone") {
		t.Error(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
}

func TestSurvey(t *testing.T) {
	root := t.TempDir()
	file(t, 40_000, root, "releases", "ocr", "r1", "f")
	file(t, 20_000, root, "releases", "nlp", "r1", "f")
	file(t, 100_000, root, "envs", "both", "f")
	file(t, 200_000, root, "envs", "only", "f")
	file(t, 8_000, root, "logs", "ocr", "1.log")
	file(t, 5_000, root, "aictl.db")
	at := func(parts ...string) string { return filepath.Join(append([]string{root}, parts...)...) }
	u, err := Survey(t.Context(), root, at("envs"), []Uses{
		{Name: "nlp", Releases: at("releases", "nlp"), Logs: at("logs", "nlp"), Count: 1, Envs: []string{"both"}},
		{Name: "ocr", Releases: at("releases", "ocr"), Logs: at("logs", "ocr"), Count: 1, Envs: []string{"both", "only"}},
	})
	must(t, err)
	near := func(got, want int64) bool { return got >= want && got < want+20_000 }
	if len(u.Services) != 2 || u.Services[0].Name != "ocr" {
		t.Fatalf("%+v", u.Services)
	}
	ocr, nlp := u.Services[0], u.Services[1]
	if !near(ocr.ReleaseBytes, 40_000) || !near(ocr.Own, 200_000) || !near(ocr.Common, 100_000) || !near(ocr.LogBytes, 8_000) || ocr.Environments != 2 {
		t.Errorf("%+v", ocr)
	}
	if nlp.Own != 0 || !near(nlp.Common, 100_000) || nlp.LogBytes != 0 || nlp.Bytes() != nlp.ReleaseBytes {
		t.Errorf("%+v", nlp)
	}
	if u.Folders[0].Name != "envs" || len(u.Folders) != 4 || u.Bytes < 373_000 || u.Bytes > 600_000 || u.Space.Total == 0 {
		t.Errorf("%+v", u)
	}
}

func TestText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536 << 20: "1.5 GiB", 1<<20 - 1: "1.0 MiB", 1 << 62: "4.0 EiB"} {
		if got := Text(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
