package procs

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Activated is a listener that the service manager opened for this process: systemd's socket activation, sd_listen_fds(3).
type Activated struct {
	Name string // FileDescriptorName= of the socket unit; the unit's own name when it sets none
	net.Listener
}

// ActivatedListeners takes what is passed to process pid, in the order of the socket units. It can be called once.
// getenv is os.Getenv. Sockets that are passed and do not listen are an error.
func ActivatedListeners(getenv func(string) string, pid int) ([]Activated, error) {
	if getenv("LISTEN_PID") != strconv.Itoa(pid) {
		return nil, nil
	}
	count, err := strconv.Atoi(getenv("LISTEN_FDS"))
	if err != nil || count < 0 || count > 1024 {
		return nil, fmt.Errorf("LISTEN_FDS=%s is not a number of sockets", getenv("LISTEN_FDS"))
	}
	var names []string
	if text := getenv("LISTEN_FDNAMES"); text != "" {
		names = strings.Split(text, ":")
	}
	var passed []Activated
	for n := range count {
		name := "unknown"
		if n < len(names) {
			name = names[n]
		}
		listener, err := listenerOf(firstInherited+n, name)
		if err != nil {
			for _, p := range passed {
				err = errors.Join(err, p.Close())
			}
			return nil, fmt.Errorf("socket %d (%s) from the service manager: %w; its unit needs ListenStream=", n+1, name, err)
		}
		passed = append(passed, Activated{Name: name, Listener: listener})
	}
	return passed, nil
}

// listenerOf makes the inherited descriptor fd a listener and closes it.
func listenerOf(fd int, name string) (net.Listener, error) {
	unix.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), name)
	if file == nil {
		return nil, fmt.Errorf("descriptor %d is not open", fd)
	}
	listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err == nil && listens == 0 {
		err = errors.New("it does not listen")
	}
	var listener net.Listener
	if err == nil {
		listener, err = net.FileListener(file)
	}
	return listener, errors.Join(err, file.Close())
}
