package configs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Mounted configuration is a link to ..data/config.yaml, ..data a link to a folder, and a change another folder. It is
// told by the kernel, not found by looking now and then.
func TestWatchSwappedLinks(t *testing.T) {
	dir := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	mount := func(version, text string) {
		t.Helper()
		must(os.Mkdir(filepath.Join(dir, version), 0o755))
		writeFile(t, filepath.Join(dir, version, "config.yaml"), text)
		must(os.Symlink(version, filepath.Join(dir, "..data_tmp")))
		must(os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	}
	mount("..1", "lang: zh\n")
	file := filepath.Join(dir, "config.yaml")
	must(os.Symlink("..data/config.yaml", file))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	changes := make(chan change)
	done := make(chan error, 1)
	go func() {
		done <- watch(ctx, file, time.Hour, func() (Settings, error) { return Load(Sources{File: file}) }, func(s Settings, err error) {
			select {
			case changes <- change{s, err}:
			case <-ctx.Done():
			}
		})
	}()
	// A swap before the watch has begun is not told, so it is done until it is.
	versions := []string{"..2", "..3", "..4", "..5", "..6", "..7", "..8", "..9"}
	tick := time.NewTicker(3 * time.Second)
	defer tick.Stop()
	for _, version := range versions {
		mount(version, "lang: en # "+version+"\n")
		select {
		case c := <-changes:
			if c.err != nil || c.s.Lang != "en" {
				t.Fatalf("%+v", c)
			}
			mount(version+"-bad", "lang: klingon\n")
			if c := <-changes; c.err == nil {
				t.Fatalf("%+v", c)
			}
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			return
		case <-tick.C:
		}
	}
	t.Fatal("no change was told")
}
