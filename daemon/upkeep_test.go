package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aictl/disk"
)

// A deploy that finds no room says what a clean-up would free, and what else can be done.
func TestShortageTellsWhatPruneWouldFree(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "old")
	if err := os.WriteFile(file, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	something := func(context.Context) ([]disk.Find, error) {
		return []disk.Find{{Kind: "left-over", Name: "old", Paths: []string{file}}}, nil
	}
	for name, c := range map[string]struct {
		source disk.Source
		want   string
	}{
		"something": {something, "`aictl prune` would free 3.0 MiB; else free some"},
		"nothing":   {func(context.Context) ([]disk.Find, error) { return nil, nil }, "`aictl prune` would free nothing; free some (`aictl disk`"},
		"unknown":   {func(context.Context) ([]disk.Find, error) { return nil, errors.New("no") }, "(deploy.min_free): free some"},
	} {
		t.Run(name, func(t *testing.T) {
			u := &upkeep{d: &Daemon{log: slog.New(slog.DiscardHandler)}, pruner: disk.NewPruner(root, c.source)}
			err := u.shortage(t.Context(), root, disk.Space{Free: 100 << 20, Total: 100 << 30}, 512<<20)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "100.0 MiB of the disk of "+root) || !strings.Contains(err.Error(), "512.0 MiB") {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}
