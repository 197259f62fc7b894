package gitea

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// localSettings keep the git program to the objects of another repository: what lies beside them to make a walk faster may be
// wrong there without anybody having noticed.
var localSettings = []string{"core.commitGraph=false", "pack.writeBitmaps=false", "pack.compression=1"}

// packArgs write what is asked for on stdin as a pack. Nothing is compared with each other: what is packed there already is
// taken as it is, and the rest is packed better when the mirror is tidied.
var packArgs = []string{"pack-objects", "--revs", "--stdout", "--window=0", "--delta-base-offset", "--no-use-bitmap-index", "--all-progress"}

// copyProgram copies the tips and everything they reach by the git program. It runs in the mirror and borrows the objects of
// the source, so that neither the configuration nor the hooks of the source count, whoever owns it, and nothing is written
// there. What comes is hashed anew and appears in the mirror whole or not at all.
func (m *Mirror) copyProgram(ctx context.Context, src, dst *filesystem.Storage, tips []plumbing.Hash) error {
	var want []plumbing.Hash
	for _, h := range tips {
		if dst.HasEncodedObject(h) != nil {
			want = append(want, h)
		}
	}
	if len(want) == 0 {
		return ctx.Err()
	}
	ask, err := question(src, dst, want)
	if err != nil {
		return err
	}
	objects, err := objectsDir(m.local)
	if err != nil {
		return err
	}
	return m.pipePack(ctx, ask, objects)
}

// question is what pack-objects reads: where the history is cut off, what is wanted, and what the mirror has already.
func question(src, dst *filesystem.Storage, want []plumbing.Hash) (*bytes.Buffer, error) {
	cut, err := src.Shallow()
	if err != nil {
		return nil, err
	}
	ask := &bytes.Buffer{}
	for _, h := range cut {
		fmt.Fprintf(ask, "--shallow %s\n", h)
	}
	for _, h := range want {
		fmt.Fprintln(ask, h)
	}
	refs, err := dst.IterReferences()
	if err != nil {
		return nil, err
	}
	return ask, refs.ForEach(func(r *plumbing.Reference) error {
		if r.Type() == plumbing.HashReference && dst.HasEncodedObject(r.Hash()) == nil {
			fmt.Fprintf(ask, "^%s\n", r.Hash())
		}
		return nil
	})
}

// objectsDir is the absolute path of a local repository's objects; linked work trees have those of their repository.
func objectsDir(dir string) (string, error) {
	dot, err := gitDir(dir)
	if err != nil {
		return "", err
	}
	if common, err := commonDir(dot); err != nil {
		return "", err
	} else if common != "" {
		dot = common
	}
	return filepath.Abs(filepath.Join(dot, "objects"))
}

// pipePack packs what ask says, of the mirror's and the borrowed objects, and takes it into the mirror.
func (m *Mirror) pipePack(ctx context.Context, ask io.Reader, objects string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // of the one when the other does not start
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	packed, err := m.git.start(ctx, call{
		dir: m.dir, args: packArgs, settings: localSettings, environ: []string{"GIT_ALTERNATE_OBJECT_DIRECTORIES=" + cQuote(objects)},
		in: ask, out: in, line: slowly(progressOf(ctx)),
	})
	if err = errors.Join(err, in.Close()); err != nil {
		return errors.Join(err, out.Close())
	}
	indexed, err := m.git.start(ctx, call{dir: m.dir, args: []string{"index-pack", "--stdin"}, in: out, out: io.Discard})
	if err = errors.Join(err, out.Close()); err != nil {
		cancel()
		return errors.Join(err, packed())
	}
	packErr, indexErr := packed(), indexed()
	// Whoever failed first knows why: the other one's pipe just broke.
	if broke(packErr) && indexErr != nil {
		return indexErr
	}
	if packErr != nil {
		return packErr
	}
	return indexErr
}

// broke reports whether a program ended because nobody read what it wrote.
func broke(err error) bool {
	var exit interface{ Sys() any }
	if errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGPIPE {
			return true
		}
	}
	var why *said
	return errors.As(err, &why) && why.says("Broken pipe")
}

// cQuote quotes a path for a list of paths, in which a colon or a quotation mark would mean something else.
func cQuote(path string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(path) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ':
			fmt.Fprintf(&b, `\%03o`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// copyLocal copies by the git program where there is one, and object by object otherwise.
func (m *Mirror) copyLocal(ctx context.Context, src, dst *filesystem.Storage, tips []plumbing.Hash) error {
	if m.git == nil {
		return copyObjects(ctx, src, dst, tips)
	}
	err := m.copyProgram(ctx, src, dst, tips)
	var why *said
	switch {
	case err == nil || !errors.As(err, &why) || ctx.Err() != nil:
		return err
	case why.says("No space left on device", "Disk quota exceeded"):
		return err
	case why.says("unable to read", "bad object", "bad revision", "missing", "unable to parse", "Could not read", "unable to get", "corrupt", "inflate"):
		return fmt.Errorf("objects are missing or damaged there (a partial clone?): %s; run `git fsck` in it, or `git fetch --refetch`: %w", why, plumbing.ErrObjectNotFound)
	}
	m.log.Warn("git program not used for a local repository; it takes more time and memory", "repository", m.shown, "err", why)
	return copyObjects(ctx, src, dst, tips)
}
