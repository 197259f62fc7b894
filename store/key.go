package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"aictl/store/internal/sqlite"
)

// ErrKey is wrapped by errors about a key file that is there and cannot be used.
var ErrKey = errors.New("secret key not usable")

// LoadOrCreateKey returns the 32 bytes kept at path, making them on first use. The file is 0600; one that
// others can read is refused, and so is one of another length.
func LoadOrCreateKey(path string) ([]byte, error) {
	key, err := loadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := createKey(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("create key %s: %w", path, sqlite.Explain(err))
	}
	return loadKey(path)
}

func loadKey(path string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", sqlite.Explain(err))
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file: remove it, or put the key file itself there", ErrKey, path)
	}
	if wide := info.Mode().Perm() &^ 0o600; wide != 0 {
		return nil, fmt.Errorf("%w: %s has permissions %04o and must not be open to others: run chmod 600 %s", ErrKey, path, info.Mode().Perm(), path)
	}
	key, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read key: %w", sqlite.Explain(err))
	}
	if len(key) != KeySize {
		return nil, fmt.Errorf("%w: %s has %d bytes instead of %d: restore it from a backup; without it stored secrets cannot be read", ErrKey, path, len(key), KeySize)
	}
	return key, nil
}

// createKey writes beside path and links into place, so that a key is never seen half written and of two
// programs that start at once only one makes it.
func createKey(path string) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".secret-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	key := make([]byte, KeySize)
	rand.Read(key)
	_, werr := f.Write(key)
	if err := errors.Join(werr, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil {
		return err
	}
	return sqlite.SyncDir(dir)
}
