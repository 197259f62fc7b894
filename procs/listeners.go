package procs

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// envListeners names the listeners a child inherits as descriptors 3, 4 … in this order.
const envListeners = "AICTL_LISTENERS"

const firstInherited = 3

// listenerSet holds listening sockets open for a child that may come and go. They are bare descriptors: on the
// runtime's poller every connection would wake the keeper.
type listenerSet struct {
	names []string
	fds   []int
}

// openListeners takes the listeners that are given and those that are opened now.
func openListeners(cfg KeeperConfig) (*listenerSet, error) {
	all := maps.Clone(cfg.Listeners)
	if cfg.Listen != nil {
		more, err := cfg.Listen()
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = make(map[string]net.Listener, len(more))
		}
		maps.Copy(all, more)
	}
	return takeListeners(all)
}

// takeListeners keeps a descriptor of each listener and closes the listener itself.
func takeListeners(listeners map[string]net.Listener) (*listenerSet, error) {
	set := &listenerSet{names: slices.Sorted(maps.Keys(listeners))}
	for _, name := range set.names {
		fd, err := takeListener(listeners[name])
		if err == nil {
			set.fds = append(set.fds, fd)
		}
		if err != nil || strings.Contains(name, ",") {
			return nil, errors.Join(fmt.Errorf("take over listener %q", name), err, set.close())
		}
	}
	return set, nil
}

func takeListener(listener net.Listener) (int, error) {
	if l, ok := listener.(*net.UnixListener); ok {
		l.SetUnlinkOnClose(false)
	}
	conn, ok := listener.(syscall.Conn)
	if !ok {
		return -1, fmt.Errorf("%T is not a socket", listener)
	}
	fd, err := dupListener(conn)
	if err != nil {
		return -1, err
	}
	return fd, listener.Close()
}

// dupListener is a bare descriptor of a socket.
func dupListener(conn syscall.Conn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd, fault := -1, error(nil)
	err = raw.Control(func(own uintptr) { fd, fault = dupFD(int(own)) })
	return fd, errors.Join(err, fault)
}

// dupFD is another descriptor of the same thing.
func dupFD(fd int) (int, error) {
	return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, firstInherited)
}

func (s *listenerSet) env() string { return envListeners + "=" + strings.Join(s.names, ",") }

func (s *listenerSet) close() error {
	fds := s.fds
	s.fds = nil
	return closeAll(fds)
}

// InheritedListeners are the listeners the keeper passed to this process, by name. It can be called once: the
// descriptors become the listeners' own and the environment is cleaned for this process's children.
func InheritedListeners() (map[string]net.Listener, error) {
	names := os.Getenv(envListeners)
	if err := os.Unsetenv(envListeners); err != nil {
		return nil, err
	}
	listeners := make(map[string]net.Listener)
	if names == "" {
		return listeners, nil
	}
	for n, name := range strings.Split(names, ",") {
		unix.CloseOnExec(firstInherited + n)
		file := os.NewFile(uintptr(firstInherited+n), name)
		listener, err := net.FileListener(file)
		if err = errors.Join(err, file.Close()); err != nil {
			return nil, fmt.Errorf("inherit listener %s: %w", name, err)
		}
		listeners[name] = listener
	}
	return listeners, nil
}
