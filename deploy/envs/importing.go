package envs

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// maxAbout bounds an archive's description, in bytes.
const maxAbout = 8 << 20

// ErrArchive is returned for an archive that is none, is damaged, or is for another machine. Nothing of it is kept.
var ErrArchive = errors.New("not an importable environment")

// Imported is what came of an import.
type Imported struct {
	Archive
	New      int // wheels that were not there
	Warnings []string
}

var (
	wheelForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._]*-[A-Za-z0-9][A-Za-z0-9.!+_]*(?:-[0-9][A-Za-z0-9_.]*)?-[A-Za-z0-9_.]+-[A-Za-z0-9_.]+-[A-Za-z0-9_.]+\.whl$`)
	sumForm   = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// Import reads an archive that Export wrote, and puts its wheels where builds look. Every wheel is checked against its hash, and that
// this machine can use it; unless all are good, nothing changes.
func (b *Builder) Import(ctx context.Context, from io.Reader) (out Imported, err error) {
	if b.cfg.Wheels == "" {
		return out, fmt.Errorf("import: %w: there is no folder for wheels", ErrBad)
	}
	if err := os.MkdirAll(b.cfg.Wheels, 0o755); err != nil {
		return out, fmt.Errorf("import: %w", err)
	}
	temp, err := os.MkdirTemp(b.cfg.Wheels, ".import-")
	if err != nil {
		return out, fmt.Errorf("import: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	t := tar.NewReader(from)
	if out.Archive, err = readAbout(t); err != nil {
		return out, err
	}
	if err := out.fits(thisMachine(ctx)); err != nil {
		return out, err
	}
	if err := out.unpack(ctx, t, temp); err != nil {
		return out, b.explain(err)
	}
	out.Warnings = b.unmatched(ctx, out.Python)
	b.imports.Lock()
	defer b.imports.Unlock()
	out.New, err = b.shelve(out.Wheels, temp)
	return out, err
}

// readAbout reads an archive's first entry.
func readAbout(t *tar.Reader) (a Archive, err error) {
	h, err := t.Next()
	if err != nil || h.Name != entryAbout || h.Size > maxAbout {
		return a, fmt.Errorf("%w: it does not begin with %s; give a file that `aictl env export` wrote", ErrArchive, entryAbout)
	}
	if err := json.NewDecoder(io.LimitReader(t, maxAbout)).Decode(&a); err != nil {
		return a, fmt.Errorf("%w: %s: %v", ErrArchive, entryAbout, err)
	}
	if a.Format != archiveFormat {
		return a, fmt.Errorf("%w: its format is %d, and this aictl reads %d: use the same version of aictl on both machines", ErrArchive, a.Format, archiveFormat)
	}
	return a, a.check()
}

// check refuses names that are no wheels: they become paths.
func (a Archive) check() error {
	if len(a.Wheels) > maxLocked {
		return fmt.Errorf("%w: it holds more than %d wheels", ErrArchive, maxLocked)
	}
	seen := map[string]bool{}
	for _, w := range a.Wheels {
		name, version := nameOfWheel(w.File)
		switch {
		case !wheelForm.MatchString(w.File) || !sumForm.MatchString(w.SHA256) || w.Size < 0:
			return fmt.Errorf("%w: %q is no wheel", ErrArchive, w.File)
		case normal(name) != normal(w.Name) || !sameVersion(version, w.Version):
			return fmt.Errorf("%w: %s is not %s %s", ErrArchive, w.File, w.Name, w.Version)
		case seen[w.File]:
			return fmt.Errorf("%w: it holds %s twice", ErrArchive, w.File)
		}
		seen[w.File] = true
	}
	return nil
}

// nameOfWheel are the first two parts of a wheel's name.
func nameOfWheel(file string) (name, version string) {
	parts := strings.SplitN(file, "-", 3)
	if len(parts) < 3 {
		return file, ""
	}
	return parts[0], parts[1]
}

// unpack writes the wheels into a folder and checks each against its size and hash.
func (a Archive) unpack(ctx context.Context, t *tar.Reader, to string) error {
	missing := map[string]Wheel{}
	for _, w := range a.Wheels {
		missing[entryDir+w.File] = w
	}
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return cutArchive(err)
		}
		if h.Name == entryLock {
			continue
		}
		w, ok := missing[h.Name]
		if !ok || h.Typeflag != tar.TypeReg || h.Size != w.Size {
			return fmt.Errorf("%w: %q is not what its description lists", ErrArchive, h.Name)
		}
		delete(missing, h.Name)
		if err := unpackWheel(ctx, t, w, filepath.Join(to, w.File)); err != nil {
			return err
		}
	}
	for name := range missing {
		return fmt.Errorf("%w: %s is missing; export it again", ErrArchive, name)
	}
	return nil
}

func cutArchive(err error) error {
	return fmt.Errorf("%w: it ends too early or is damaged; copy it again: %w", ErrArchive, err)
}

func unpackWheel(ctx context.Context, from io.Reader, w Wheel, file string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("import %s: %w", w.File, err)
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, h), from)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		if isNoSpace(err) {
			return fmt.Errorf("import %s: %w", w.File, err)
		}
		return cutArchive(err)
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != w.SHA256 {
		return fmt.Errorf("%w: the hash of %s is %s and not %s; copy it again", ErrArchive, w.File, sum, w.SHA256)
	}
	return nil
}

// unmatched says what keeps builds here from using the wheels of another Python.
func (b *Builder) unmatched(ctx context.Context, python string) []string {
	py, err := b.interpreter(ctx, Request{dry: true}, short(python), "")
	if err == nil && short(py.version) == short(python) {
		return nil
	}
	return []string{fmt.Sprintf("the environment was built with Python %s, which is not found here; wheels of that version are of use once it is installed and python.version names it", python)}
}

// shelve moves checked wheels into the wheelhouse and notes them.
func (b *Builder) shelve(wheels []Wheel, from string) (added int, err error) {
	all, err := readWheelIndex(b.cfg.Wheels)
	if err != nil {
		return 0, fmt.Errorf("%w; remove %s, and import what is needed again", err, filepath.Join(b.cfg.Wheels, wheelIndex))
	}
	for _, w := range wheels {
		k := slices.IndexFunc(all, func(old Wheel) bool { return old.File == w.File })
		if k >= 0 && all[k] == w && isFile(b.cfg.Wheels, w.File) {
			continue
		}
		if err := os.Rename(filepath.Join(from, w.File), filepath.Join(b.cfg.Wheels, w.File)); err != nil {
			return added, fmt.Errorf("import %s: %w", w.File, err)
		}
		if added++; k >= 0 {
			all[k] = w
		} else {
			all = append(all, w)
		}
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return added, err
	}
	temp := filepath.Join(from, wheelIndex)
	if err := writeSynced(temp, text); err != nil {
		return added, fmt.Errorf("import: %w", err)
	}
	return added, os.Rename(temp, filepath.Join(b.cfg.Wheels, wheelIndex))
}
