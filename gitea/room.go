package gitea

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A checkout looks at the disk every lookEvery bytes and leaves reserve of them: a few kilobytes of a repository can be made to unfold
// to more than any disk has room for, and without any the daemon itself cannot write.
const (
	lookEvery = 64 << 20
	reserve   = 256 << 20
)

// freeOn says how many bytes are free on a path's disk.
var freeOn = func(path string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(path, &st); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// room refuses a file of n bytes that would leave too little.
func (t *tally) room(n int64) error {
	if t.written += n; t.written < lookEvery {
		return nil
	}
	t.written = 0
	free, err := freeOn(t.dir)
	if err != nil {
		return err
	}
	if free-n < reserve {
		return fmt.Errorf("%w on %s: after %s of the repository's files %s are free, and the next one has %s; free some or move the data directory",
			ErrNoSpace, filepath.Dir(t.dir), size(t.bytes), size(free), size(n))
	}
	return nil
}
