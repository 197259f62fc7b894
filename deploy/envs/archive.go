package envs

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// The entries of an archive besides its wheels, in their order, and the folder of the wheels.
const (
	entryAbout = "environment.json"
	entryLock  = "requirements.txt"
	entryDir   = "wheels/"
)

// archiveFormat is the version of the archive's format.
const archiveFormat = 1

// Archive is what an exported environment says of itself, the first entry of the archive.
type Archive struct {
	Format   int       `json:"format"`
	Key      string    `json:"key"`
	What     string    `json:"what"`
	Python   string    `json:"python"`   // 3.11.7
	Platform string    `json:"platform"` // linux/amd64
	Made     time.Time `json:"made_at"`
	Wheels   []Wheel   `json:"wheels"`
}

// Export writes an environment's packages as a tar archive: a description, a lock with hashes, and a wheel for each package, made
// from what is installed, so that no network is needed. begun is called once the wheels are made and nothing but writing can fail.
func (b *Builder) Export(ctx context.Context, key string, now time.Time, to io.Writer, begun func(Archive)) (err error) {
	env, err := b.Get(key)
	if err != nil {
		return err
	}
	b.pin(key, 1) // nobody removes it meanwhile
	defer b.Unpin(key)
	dir := filepath.Join(b.cfg.Root, key)
	if !isFile(dir, "pyvenv.cfg") {
		return fmt.Errorf("environment %s: %w: only Python environments can be exported; a Node one travels as node_modules in the repository, or with npm's cache", key, ErrBad)
	}
	temp, err := os.MkdirTemp(b.cfg.Root, ".export-")
	if err != nil {
		return fmt.Errorf("export %s: %w", key, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	about := Archive{Format: archiveFormat, Key: key, What: env.What, Platform: runtime.GOOS + "/" + runtime.GOARCH, Made: now.UTC()}
	if about.Python, err = pythonOf(dir); err != nil {
		return fmt.Errorf("export %s: %w", key, err)
	}
	if about.Wheels, err = repackAll(ctx, dir, temp); err != nil {
		return b.explain(fmt.Errorf("export %s: %w", key, err))
	}
	begun(about)
	return writeArchive(ctx, to, about, temp)
}

// pythonOf is the version in a virtualenv's own note.
func pythonOf(dir string) (string, error) {
	text, err := os.ReadFile(filepath.Join(dir, "pyvenv.cfg"))
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(line, "="); ok && strings.HasPrefix(strings.TrimSpace(k), "version") {
			return strings.TrimSpace(v), nil
		}
	}
	return "", errors.New("its pyvenv.cfg names no version")
}

// repackAll makes the wheels of all that is installed, but for the pip that came with the virtualenv.
func repackAll(ctx context.Context, env, to string) ([]Wheel, error) {
	dists, err := distsIn(env)
	if err != nil {
		return nil, err
	}
	wheels := []Wheel{}
	for _, d := range dists {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if normal(d.name) == "pip" {
			continue
		}
		w, err := d.repack(env, to)
		if err != nil {
			return nil, err
		}
		wheels = append(wheels, w)
	}
	return wheels, nil
}

func writeArchive(ctx context.Context, to io.Writer, about Archive, wheels string) error {
	t := tar.NewWriter(to)
	text, err := json.MarshalIndent(about, "", "  ")
	if err != nil {
		return err
	}
	var lock strings.Builder
	for _, w := range about.Wheels {
		fmt.Fprintf(&lock, "%s==%s --hash=sha256:%s\n", w.Name, w.Version, w.SHA256)
	}
	for _, e := range []struct{ name, text string }{{entryAbout, string(text) + "\n"}, {entryLock, lock.String()}} {
		if err := t.WriteHeader(entry(e.name, int64(len(e.text)), about.Made)); err != nil {
			return err
		}
		if _, err := io.WriteString(t, e.text); err != nil {
			return err
		}
	}
	for _, w := range about.Wheels {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := addWheel(t, filepath.Join(wheels, w.File), w, about.Made); err != nil {
			return err
		}
	}
	return t.Close()
}

func entry(name string, size int64, at time.Time) *tar.Header {
	return &tar.Header{Name: name, Size: size, Mode: 0o644, Typeflag: tar.TypeReg, ModTime: at.Truncate(time.Second)}
}

func addWheel(t *tar.Writer, file string, w Wheel, at time.Time) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := t.WriteHeader(entry(entryDir+w.File, w.Size, at)); err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}
