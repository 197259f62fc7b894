package daemon_test

import (
	"os"
	"sync"
	"syscall"
)

// shared is a file system in memory that most machines have.
const shared = "/dev/shm"

// rigRoot is where rigs lie: in memory where there is room, since a disk that others keep busy may hold up a commit for
// longer than a test waits. "" stands for the usual folder.
var rigRoot = sync.OnceValue(func() string {
	const room = 2 << 30
	var fs syscall.Statfs_t
	if err := syscall.Statfs(shared, &fs); err != nil || fs.Bavail*uint64(fs.Bsize) < room {
		return ""
	}
	dir, err := os.MkdirTemp(shared, "aictl-room-")
	if err != nil || os.Remove(dir) != nil {
		return ""
	}
	return shared
})
