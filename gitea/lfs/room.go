package lfs

import "golang.org/x/sys/unix"

// Objects of at least largeObject bytes are only begun when reserve bytes stay free: whoever writes a pointer says what size he likes.
const (
	largeObject = 64 << 20
	reserve     = 256 << 20
)

// room refuses what would fill the disk.
func room(dir string, size int64) error {
	if size < largeObject {
		return nil
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return err
	}
	if int64(st.Bavail)*st.Bsize-size < reserve {
		return unix.ENOSPC
	}
	return nil
}
