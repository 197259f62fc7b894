package gitea

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/filesystem"
)

// catBuffer is how much is read from the git program at a time, in bytes.
const catBuffer = 256 << 10

// blobReader reads files of a mirror, in the order they are asked for, without holding large ones in memory. each is called
// for every one, and need not read all of it.
type blobReader func(ctx context.Context, blobs []plumbing.Hash, each func(i int, size int64, r io.Reader) error) error

// blobs reads by the git program where there is one: it is faster by far for many small files.
func (m *Mirror) blobs(s *filesystem.Storage) blobReader {
	if m.git != nil {
		return m.catFile
	}
	return func(ctx context.Context, blobs []plumbing.Hash, each func(int, int64, io.Reader) error) error {
		for i, h := range blobs {
			if err := oneBlob(s, h, func(size int64, r io.Reader) error { return each(i, size, &endable{ctx, r}) }); err != nil {
				return err
			}
		}
		return nil
	}
}

func oneBlob(s *filesystem.Storage, h plumbing.Hash, read func(int64, io.Reader) error) error {
	blob, err := object.GetBlob(s, h)
	if err != nil {
		return err
	}
	r, err := blob.Reader()
	if err != nil {
		return err
	}
	return errors.Join(read(blob.Size, r), r.Close())
}

// catFile reads blobs by one run of `git cat-file --batch`.
func (m *Mirror) catFile(ctx context.Context, blobs []plumbing.Hash, each func(int, int64, io.Reader) error) (err error) {
	if len(blobs) == 0 {
		return ctx.Err()
	}
	var ask bytes.Buffer
	for _, h := range blobs {
		ask.WriteString(h.String())
		ask.WriteByte('\n')
	}
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	wait, err := m.git.start(ctx, call{dir: m.dir, args: []string{"cat-file", "--batch", "--buffer"}, in: &ask, out: in})
	if err = errors.Join(err, in.Close()); err != nil {
		return errors.Join(err, out.Close())
	}
	readErr := readBatch(bufio.NewReaderSize(out, catBuffer), blobs, each)
	closeErr := out.Close() // which ends git when it has more to say
	waitErr := wait()
	if readErr != nil {
		var short *cutError
		if errors.As(readErr, &short) && waitErr != nil {
			return waitErr
		}
		return errors.Join(readErr, ctx.Err())
	}
	return errors.Join(waitErr, closeErr)
}

// cutError is an answer of cat-file that ended too early: git itself knows why.
type cutError struct{ err error }

func (c *cutError) Error() string { return "read objects from git: " + c.err.Error() }
func (c *cutError) Unwrap() error { return c.err }

// readBatch reads what cat-file --batch answers: OID SP TYPE SP SIZE LF CONTENT LF, for each blob in turn.
func readBatch(r *bufio.Reader, blobs []plumbing.Hash, each func(int, int64, io.Reader) error) error {
	for i, h := range blobs {
		head, err := r.ReadString('\n')
		if err != nil {
			return &cutError{err}
		}
		size, err := parseHead(head, h)
		if err != nil {
			return err
		}
		body := &io.LimitedReader{R: r, N: size}
		if err := each(i, size, body); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, body); err != nil {
			return &cutError{err}
		}
		if body.N > 0 {
			return &cutError{io.ErrUnexpectedEOF}
		}
		if end, err := r.ReadByte(); err != nil || end != '\n' {
			return &cutError{errors.Join(err, errors.New("an object does not end where it should"))}
		}
	}
	return nil
}

func parseHead(head string, want plumbing.Hash) (int64, error) {
	f := strings.Fields(head)
	switch {
	case len(f) == 2 && f[0] == want.String() && f[1] == "missing":
		return 0, fmt.Errorf("read blob %s: %w", want, plumbing.ErrObjectNotFound)
	case len(f) != 3 || f[0] != want.String():
		return 0, fmt.Errorf("read blob %s: git answers %.100q", want, head)
	case f[1] != "blob":
		return 0, fmt.Errorf("%w: object %s is a %s where a file should be", ErrRefused, want, f[1])
	}
	n, err := strconv.ParseUint(f[2], 10, 63)
	return int64(n), err
}
