package records

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"aictl/store/internal/sqlite"
)

// bodies are the files of large bodies, named by the SHA-256 of their plain bytes: bodies/ab/<sha256>, with .zst
// when compressed. Equal bodies share a file.
type bodies struct {
	dir string
	put func(path string, data []byte) error // replaced by tests that fill a disk
	// mu keeps a sweep from removing a file between the look that finds it there and the touch that spares it.
	mu sync.Mutex
	// coming counts the records that are being appended by the files they name: those are not removed.
	coming map[string]int
}

const temporaryPrefix = ".new-"

func bodyName(sum []byte, packed bool) string {
	name := hex.EncodeToString(sum)
	if packed {
		name += ".zst"
	}
	return name
}

func (b *bodies) path(name string) string { return filepath.Join(b.dir, name[:2], name) }

// keep makes sure that the file is there and durable.
func (b *bodies) keep(name string, data []byte) error {
	path := b.path(name)
	if b.touch(path) {
		return nil
	}
	folder := filepath.Dir(path)
	err := os.Mkdir(folder, 0o700)
	if err == nil {
		err = sqlite.SyncDir(b.dir)
	} else if errors.Is(err, fs.ErrExist) {
		err = nil
	}
	if err == nil {
		err = b.put(path, data)
	}
	return sqlite.Explain(err)
}

// expect keeps files from being removed until they are committed, or will not be.
func (b *bodies) expect(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.coming == nil {
		b.coming = map[string]int{}
	}
	b.coming[name]++
}

// settle ends what expect began.
func (b *bodies) settle(names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, name := range names {
		if b.coming[name]--; b.coming[name] <= 0 {
			delete(b.coming, name)
		}
	}
}

// removeNow removes a file that no record names, unless one is about to.
func (b *bodies) removeNow(name string) (removed int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.coming[name] > 0 {
		return 0, nil
	}
	path := b.path(name)
	err = os.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err == nil {
		err = sqlite.SyncDir(filepath.Dir(path))
	}
	return 1, sqlite.Explain(err)
}

// touch reports whether the file exists; a fresh time tells sweeps that a row may be about to name it.
func (b *bodies) touch(path string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	return os.Chtimes(path, now, now) == nil
}

// putFile writes beside path, syncs, renames and syncs the folder: the file is whole or not there.
func putFile(path string, data []byte) error {
	folder := filepath.Dir(path)
	f, err := os.CreateTemp(folder, temporaryPrefix+"*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return sqlite.SyncDir(folder)
}

func (b *bodies) read(name string) ([]byte, error) {
	data, err := os.ReadFile(b.path(name))
	return data, sqlite.Explain(err)
}

// each visits the files; temporary ones included.
func (b *bodies) each(visit func(path string, e fs.DirEntry) error) error {
	return filepath.WalkDir(b.dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		return visit(path, e)
	})
}

func (b *bodies) removeTemporary() error {
	return b.each(func(path string, e fs.DirEntry) error {
		if !strings.HasPrefix(e.Name(), temporaryPrefix) {
			return nil
		}
		return os.Remove(path)
	})
}

// removeOld removes a file unless it was made or asked for since the time given.
func (b *bodies) removeOld(path string, since time.Time) (size int64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil || !info.ModTime().Before(since) {
		return 0, err
	}
	return info.Size(), os.Remove(path)
}

// readBody returns the plain bytes of a body that is a file, checked.
func (a *Archive) readBody(s *side) ([]byte, error) {
	body, err := a.bodies.read(bodyName(s.kept[:], s.packed))
	if err == nil && s.packed {
		body, err = a.codec.unpack(body)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the file of a body: %w", ErrCorrupt, err)
	}
	if sha256.Sum256(body) != s.kept {
		return nil, fmt.Errorf("%w: a body's file does not have the SHA-256 of its name", ErrCorrupt)
	}
	return body, nil
}
