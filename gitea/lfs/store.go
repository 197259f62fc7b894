package lfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// copyBuffer is how much is copied at a time, in bytes.
const copyBuffer = 1 << 20

// Store keeps objects by their SHA-256, whole and checked, for all repositories:
//
//	objects/ab/cd/<oid>   read-only
//	incoming/<oid>        what has come of one so far; the next try goes on there
//	uses/<commit>         the objects of a commit that was checked out
//
// Checkouts get copies: a link would let a service change the object, and with it every other release. Where the file system
// can share blocks a copy takes no space. Its methods are safe for concurrent use; one process may use a folder.
type Store struct {
	dir string

	mu   sync.Mutex
	busy map[string]chan struct{} // objects that are being put; closed when done
}

// OpenStore keeps objects below dir, which is made when it is needed.
func OpenStore(dir string) *Store { return &Store{dir: dir, busy: map[string]chan struct{}{}} }

func (s *Store) object(oid string) string {
	return filepath.Join(s.dir, "objects", oid[:2], oid[2:4], oid)
}

func (s *Store) incoming(oid string) string { return filepath.Join(s.dir, "incoming", oid) }

// Has reports whether an object is there, whole.
func (s *Store) Has(p Pointer) bool {
	info, err := os.Stat(s.object(p.OID))
	return err == nil && info.Mode().IsRegular() && info.Size() == p.Size
}

// take waits until nobody else puts the object. have says that it is there now; otherwise done must be called.
func (s *Store) take(ctx context.Context, p Pointer) (have bool, done func(), err error) {
	for {
		s.mu.Lock()
		if s.Has(p) {
			s.mu.Unlock()
			return true, nil, nil
		}
		other, taken := s.busy[p.OID]
		if !taken {
			mine := make(chan struct{})
			s.busy[p.OID] = mine
			s.mu.Unlock()
			return false, func() {
				s.mu.Lock()
				defer s.mu.Unlock()
				delete(s.busy, p.OID)
				close(mine)
			}, nil
		}
		s.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return false, nil, ctx.Err()
		}
	}
}

// Content opens an object's content at an offset. The content may begin earlier, which from tells: a server need not know
// about offsets.
type Content func(ctx context.Context, offset int64) (body io.ReadCloser, from int64, err error)

// Put stores an object from its content unless it is there. What was received of it before is not asked for again. The tell
// function, which may be nil, is told of bytes that have come; those that have to come again are told as less than none.
// ErrCorrupt when the content is not what the pointer says; then nothing of it is kept.
func (s *Store) Put(ctx context.Context, p Pointer, content Content, tell func(n int64)) (err error) {
	have, done, err := s.take(ctx, p)
	if err != nil || have {
		return err
	}
	defer done()
	for _, dir := range []string{filepath.Dir(s.incoming(p.OID)), filepath.Dir(s.object(p.OID))} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	part := s.incoming(p.OID)
	if err := room(s.dir, p.Size); err != nil {
		return fmt.Errorf("object %s of %d bytes: %w", short(p.OID), p.Size, err)
	}
	f, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	in := &arrival{f: f, sum: sha256.New(), want: p, tell: tell}
	err = in.receive(ctx, content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		if errors.Is(err, ErrCorrupt) {
			err = errors.Join(err, os.Remove(part))
		}
		return err
	}
	if err := os.Chmod(part, 0o400); err != nil {
		return err
	}
	return os.Rename(part, s.object(p.OID))
}

// arrival is an object on its way.
type arrival struct {
	f    *os.File
	sum  hash.Hash
	want Pointer
	at   int64
	tell func(int64)
}

func (a *arrival) Write(b []byte) (int, error) {
	n, err := a.f.Write(b)
	a.sum.Write(b[:n])
	a.came(int64(n))
	return n, err
}

func (a *arrival) came(n int64) {
	a.at += n
	if a.tell != nil {
		a.tell(n)
	}
}

// restart forgets what has come.
func (a *arrival) restart() error {
	if err := a.f.Truncate(0); err != nil {
		return err
	}
	_, err := a.f.Seek(0, io.SeekStart)
	a.sum.Reset()
	a.came(-a.at)
	return err
}

// receive goes on where the file ends, and checks the whole.
func (a *arrival) receive(ctx context.Context, content Content) error {
	buf := make([]byte, copyBuffer)
	n, err := io.CopyBuffer(onlyWriter{a.sum}, &ending{ctx, a.f}, buf)
	if err != nil {
		return err
	}
	a.came(n)
	if a.at > a.want.Size {
		if err := a.restart(); err != nil {
			return err
		}
	}
	if a.at < a.want.Size {
		if err := a.rest(ctx, content, buf); err != nil {
			return err
		}
	}
	if got := hex.EncodeToString(a.sum.Sum(nil)); got != a.want.OID {
		return fmt.Errorf("object %s: %w (%s)", short(a.want.OID), ErrCorrupt, short(got))
	}
	return nil
}

func (a *arrival) rest(ctx context.Context, content Content, buf []byte) (err error) {
	body, from, err := content(ctx, a.at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, body.Close()) }()
	if from != a.at {
		if from != 0 {
			return fmt.Errorf("%w: it sent another part of object %s than was asked for", ErrUnreachable, short(a.want.OID))
		}
		if err := a.restart(); err != nil {
			return err
		}
	}
	left := a.want.Size - a.at
	n, err := io.CopyBuffer(onlyWriter{a}, io.LimitReader(&ending{ctx, body}, left), buf)
	switch {
	case err != nil:
		return err
	case n < left:
		return fmt.Errorf("object %s: %w after %d of %d bytes", short(a.want.OID), io.ErrUnexpectedEOF, a.at, a.want.Size)
	}
	// One byte more, and it is another file. A body that fails now has sent everything all the same.
	if n, err := io.ReadFull(body, buf[:1]); n > 0 && err == nil {
		return fmt.Errorf("object %s: %w: it is longer than %d bytes", short(a.want.OID), ErrCorrupt, a.want.Size)
	}
	return nil
}

// CopyTo writes an object to an empty file. Where blocks can be shared they are; otherwise the content is checked on its way.
// An object that is not there is fs.ErrNotExist, one that was damaged ErrCorrupt, and it is removed: fetch it again.
func (s *Store) CopyTo(ctx context.Context, p Pointer, dst *os.File) error {
	shared, err := copyFile(ctx, p, s.object(p.OID), dst)
	if shared || err == nil {
		return err
	}
	if errors.Is(err, ErrCorrupt) {
		err = errors.Join(err, s.drop(p))
	}
	return err
}

// Copy writes a file of another store of this machine to an empty file, and checks it. A file that is not what the pointer
// says is ErrCorrupt.
func Copy(ctx context.Context, p Pointer, file string, dst *os.File) error {
	shared, err := copyFile(ctx, p, file, dst)
	if !shared || err != nil {
		return err
	}
	if _, err := dst.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return sumUp(ctx, p, dst, io.Discard)
}

// copyFile copies a file of the right size. When its blocks are shared instead of copied, they are not looked at.
func copyFile(ctx context.Context, p Pointer, file string, dst *os.File) (shared bool, err error) {
	src, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return false, err
	}
	if info.Size() != p.Size {
		return false, fmt.Errorf("object %s: %w: it has %d bytes, not %d", short(p.OID), ErrCorrupt, info.Size(), p.Size)
	}
	if err := unix.IoctlFileClone(int(dst.Fd()), int(src.Fd())); err == nil {
		return true, nil
	}
	return false, sumUp(ctx, p, src, dst)
}

// sumUp copies and checks.
func sumUp(ctx context.Context, p Pointer, src io.Reader, dst io.Writer) error {
	sum := sha256.New()
	if _, err := io.CopyBuffer(onlyWriter{io.MultiWriter(dst, sum)}, &ending{ctx, src}, make([]byte, copyBuffer)); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != p.OID {
		return fmt.Errorf("object %s: %w (%s)", short(p.OID), ErrCorrupt, short(got))
	}
	return nil
}

// drop removes an object that is not what its name says.
func (s *Store) drop(p Pointer) error {
	err := os.Remove(s.object(p.OID))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return err
}

func short(oid string) string { return oid[:min(12, len(oid))] }

// onlyWriter hides what else a writer can do, so that io.CopyBuffer uses its buffer.
type onlyWriter struct{ io.Writer }

// ending is a reader that ends with its context.
type ending struct {
	ctx context.Context
	r   io.Reader
}

func (e *ending) Read(p []byte) (int, error) {
	if err := e.ctx.Err(); err != nil {
		return 0, err
	}
	return e.r.Read(p)
}
