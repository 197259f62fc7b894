package kernel

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// pageful is how much such a file gives at a time: a shorter read that leaves room in the buffer was the last.
const pageful = 2048

// ReadSmall reads a file of /proc, or of a cgroup, into buf and returns its content, which is elsewhere when buf is too
// small. It is for reading thousands of them at a time: os.ReadFile makes twice as many system calls.
func ReadSmall(path string, buf []byte) ([]byte, error) {
	fd, err := again(func() (int, error) { return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	used := 0
	for {
		if used == len(buf) {
			buf = append(buf, make([]byte, max(len(buf), 512))...)
		}
		n, err := again(func() (int, error) { return unix.Read(fd, buf[used:]) })
		if err != nil {
			return nil, errors.Join(&os.PathError{Op: "read", Path: path, Err: err}, unix.Close(fd))
		}
		used += max(n, 0)
		if n <= 0 || n < pageful && used < len(buf) {
			return buf[:used], unix.Close(fd)
		}
	}
}

// again repeats a system call that a signal has interrupted.
func again(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
