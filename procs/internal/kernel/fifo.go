package kernel

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// MakeFIFO makes sure that path is a FIFO only its owner may open; a FIFO that is there is kept, with what is in it.
func MakeFIFO(path string) error {
	err := unix.Mkfifo(path, 0o600)
	if err == nil {
		return nil
	}
	if !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("make fifo %s: %w", path, err)
	}
	info, err := os.Lstat(path)
	if err == nil && info.Mode()&os.ModeNamedPipe != 0 {
		return nil
	}
	return fmt.Errorf("%s is in the way and is not a fifo: remove it", path)
}

// OpenFIFOReader opens a FIFO for the runtime's poller. It is opened read-write so that the last writer's end is
// no end of file: one reader lasts through every restart of what writes.
func OpenFIFOReader(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// OpenFIFOWriter opens the end a service gets: blocking, and read-write so that it neither waits for a reader
// nor gets EPIPE when there is none.
func OpenFIFOWriter(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
}

// SetPipeSize asks for a pipe of n bytes.
func SetPipeSize(fd, n int) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, n)
	return err
}

// PipeLimits tells the largest pipe (bytes) an unprivileged process may ask for and how much (bytes, 0 for
// no limit) all pipes of one user may hold before new ones are made small.
func PipeLimits() (largest, perUser int) {
	return readNumber("/proc/sys/fs/pipe-max-size"), readNumber("/proc/sys/fs/pipe-user-pages-soft") * os.Getpagesize()
}

func readNumber(path string) int {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil {
		return 0
	}
	return n
}
