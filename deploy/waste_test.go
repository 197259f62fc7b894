package deploy

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"aictl/store"
)

// wasteOf is a list as "kind name".
func wasteOf(all []Waste) []string {
	var out []string
	for _, w := range all {
		out = append(out, w.Kind+" "+w.Name)
	}
	slices.Sort(out)
	return out
}

// What Unused lists is what Discard then removes; what is needed again meanwhile stays.
func TestUnusedIsWhatGoes(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(d *Deps) { d.Keep = 9; d.History = 1 }).run()
	o := newOrigin(t, plain(""))
	var rel []string
	for range 5 {
		rel = append(rel, r.deploy(o).Release)
	}
	r.stop()
	ctx := t.Context()
	outside := t.TempDir()
	write(t, filepath.Join(outside, "precious"), "x")
	must(t, os.MkdirAll(r.deps.Dirs.Envs, 0o755))
	must(t, os.Symlink(outside, filepath.Join(r.deps.Dirs.Envs, "linked")))
	must(t, os.Symlink(outside, filepath.Join(r.releaseDir("svc", rel[0]), "inside")))
	write(t, filepath.Join(r.incoming("77"), "x"), "x")       // of a deploy that is not known
	write(t, filepath.Join(r.incoming("notes"), "x"), "x")    // of somebody else
	write(t, filepath.Join(r.deps.Dirs.Envs, "old", "x"), "") // of no release
	write(t, filepath.Join(r.deps.Dirs.Envs, ".removed-half", "x"), "")
	write(t, filepath.Join(r.deps.Dirs.Releases, "gone", "r1-x", "x"), "")
	row := r.submit(Request{Source: o.source()})
	write(t, filepath.Join(r.incoming(strconv.FormatInt(row.ID, 10)), "x"), "x") // of a deploy that is still to run

	if got, err := r.Unused(ctx); err != nil || slices.ContainsFunc(got, func(w Waste) bool { return w.Kind == WasteRelease || w.Kind == WasteDeploys }) {
		t.Errorf("nothing was too much: %q, %v", wasteOf(got), err)
	}
	r.Keep = 3
	plan, err := r.Unused(ctx)
	must(t, err)
	want := []string{"environment .removed-half", "environment old", "left-over .incoming/77", "left-over gone/r1-x", "release " + rel[0], "release " + rel[1]}
	if got := wasteOf(plan); !slices.Equal(got, want) {
		t.Fatalf("unused %q, want %q", got, want)
	}
	// The second is rolled back to before it goes.
	r.hold(r.releaseDir("svc", rel[1]))
	for _, w := range plan {
		removed, err := r.Discard(ctx, w)
		if err != nil || removed != (w.Name != rel[1]) {
			t.Errorf("%s %s: removed %v, %v", w.Kind, w.Name, removed, err)
		}
		for _, path := range w.Paths {
			if _, err := os.Lstat(path); (err == nil) == removed {
				t.Errorf("%s: removed %v, and %v", path, removed, err)
			}
		}
	}
	r.letGo(r.releaseDir("svc", rel[1]))
	for _, stays := range []string{filepath.Join(outside, "precious"), r.incoming("notes"), r.incoming(strconv.FormatInt(row.ID, 10))} {
		if _, err := os.Lstat(stays); err != nil {
			t.Error(err)
		}
	}
	// The first deploy's release is gone, so the deploy may go, and its log with it.
	plan, err = r.Unused(ctx)
	must(t, err)
	if got := wasteOf(plan); !slices.Contains(got, "deploys #1") || !slices.Contains(got, "release "+rel[1]) {
		t.Errorf("unused: %q", got)
	}
	for _, w := range plan {
		if _, err := r.Discard(ctx, w); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.Store.Deploy(ctx, 1); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if _, err := os.Stat(logPath(r.deps.Dirs.Logs, 1)); err == nil {
		t.Error("the log of a forgotten deploy is there")
	}
}

// A full disk ends a deploy before anything is fetched, and needs nobody to ask why.
func TestNoRoomNoDeploy(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(d *Deps) {
		d.Room = func(context.Context) error { return errors.New("only 3 MB are free; `aictl prune` would free 2 GB") }
	}).run()
	row := r.ended(r.submit(Request{Source: newOrigin(t, plain("")).source()}).ID)
	if row.State != store.DeployFailed || row.FailedStep != StepFetch || !strings.Contains(row.Error, "would free 2 GB") || row.Commit != "" {
		t.Errorf("%+v", row)
	}
}
