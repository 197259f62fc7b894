// Package daemon wires the parts together: the keeper process that owns services, logs and listeners, and the
// daemon process that does everything else. It is the only package that knows them all.
package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Layout is where everything lies below one data directory.
type Layout struct{ Root string }

// The parts of the data directory.
func (l Layout) Database() string     { return filepath.Join(l.Root, "aictl.db") }
func (l Layout) Key() string          { return filepath.Join(l.Root, "secret.key") }
func (l Layout) Token() string        { return filepath.Join(l.Root, "api.token") }
func (l Layout) Records() string      { return filepath.Join(l.Root, "records") }
func (l Layout) Repos() string        { return filepath.Join(l.Root, "repos") }
func (l Layout) Git() string          { return filepath.Join(l.Root, "git") } // hosted repositories
func (l Layout) Releases() string     { return filepath.Join(l.Root, "releases") }
func (l Layout) Envs() string         { return filepath.Join(l.Root, "envs") }
func (l Layout) Tools() string        { return filepath.Join(l.Root, "tools") }  // programs that aictl fetched
func (l Layout) Wheels() string       { return filepath.Join(l.Root, "wheels") } // of imported environments
func (l Layout) Logs() string         { return filepath.Join(l.Root, "logs") }
func (l Layout) Run() string          { return filepath.Join(l.Root, "run") }
func (l Layout) APISocket() string    { return filepath.Join(l.Run(), "api.sock") }
func (l Layout) KeeperSocket() string { return filepath.Join(l.Run(), "keeper.sock") }
func (l Layout) State() string        { return filepath.Join(l.Run(), "daemon.json") }

// prepare makes the folders, for this user alone.
func (l Layout) prepare() error {
	for _, dir := range []string{l.Root, l.Run(), l.Records(), l.Repos(), l.Git(), l.Releases(), l.Envs(), l.Logs()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return explainDir(dir, err)
		}
	}
	if err := os.Chmod(l.Run(), 0o700); err != nil {
		return explainDir(l.Run(), err)
	}
	probe, err := os.CreateTemp(l.Run(), ".probe-*")
	if err != nil {
		return explainDir(l.Run(), err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

func explainDir(dir string, err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("no permission for %s: run as its owner, or choose another place with --data-dir: %w", dir, err)
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("%s is on a read-only file system: choose another place with --data-dir: %w", dir, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("no space left for %s: free some, or choose another place with --data-dir: %w", dir, err)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s is not a folder: choose another place with --data-dir: %w", dir, err)
	}
	return fmt.Errorf("data directory: %w", err)
}

// State is what run/daemon.json tells of a running keeper: its pid and the chosen addresses.
type State struct {
	PID       int       `json:"pid"`
	StartedAt time.Time `json:"started_at"`
	API       string    `json:"api"`     // URL
	Gateway   string    `json:"gateway"` // URL
	Socket    string    `json:"socket"`
	Version   string    `json:"version"`
}

func (l Layout) writeState(s State) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	tmp := l.State() + ".tmp"
	if err := os.WriteFile(tmp, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", l.State(), err)
	}
	return os.Rename(tmp, l.State())
}

// ReadState reads run/daemon.json below a data directory.
func ReadState(root string) (State, error) {
	var s State
	data, err := os.ReadFile(Layout{root}.State())
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("%s: %w", Layout{root}.State(), err)
	}
	return s, nil
}
