package procs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// SocketName is the keeper's socket in its run directory.
const SocketName = "keeper.sock"

// takeLock holds the lock until the file is closed or the process dies, however it dies.
func takeLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the keeper's lock: %w", err)
	}
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, errors.Join(lockedError(file), file.Close())
	}
	if err == nil {
		err = writePID(file)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), file.Close())
	}
	return file, nil
}

func lockedError(file *os.File) error {
	data, err := io.ReadAll(io.LimitReader(file, 32))
	pid := strings.TrimSpace(string(data))
	if err != nil || pid == "" {
		return fmt.Errorf("%w (%s): stop it, or choose another --data-dir", ErrLocked, file.Name())
	}
	return fmt.Errorf("%w: pid %s holds %s; stop it with `kill %s`, or choose another --data-dir",
		ErrLocked, pid, file.Name(), pid)
}

func writePID(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return err
	}
	_, err := file.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

// listenUnix replaces a socket that a dead keeper left. The lock must be held.
func listenUnix(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var listener net.Listener
	err := withShortPath(path, func(short string) (err error) {
		listener, err = net.Listen("unix", short)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listen on the keeper's socket: %w", err)
	}
	if l, ok := listener.(*net.UnixListener); ok {
		l.SetUnlinkOnClose(false) // by its own name, see Run
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// maxSocketPath is what the kernel takes as a socket's path.
const maxSocketPath = 107

// withShortPath calls use with a path that leads to the same socket and fits into a socket's address.
func withShortPath(path string, use func(string) error) error {
	if len(path) <= maxSocketPath {
		return use(path)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	err = use(fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)))
	return errors.Join(err, dir.Close())
}
