package ports

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// linux asks the real machine.
type linux struct{}

// addresses are where services listen. A wildcard meets a listener on any address of its family.
var addresses = []struct {
	name string
	at   func(port int) unix.Sockaddr
}{
	{"0.0.0.0", func(port int) unix.Sockaddr { return &unix.SockaddrInet4{Port: port} }},
	{"127.0.0.1", func(port int) unix.Sockaddr { return &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}} }},
	{"[::]", func(port int) unix.Sockaddr { return &unix.SockaddrInet6{Port: port} }},
}

// probe binds like a service would, without listening: nobody can connect to a test by mistake.
func (linux) probe(port int) error {
	for _, a := range addresses {
		_, err := bind(a.at(port))
		if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL) {
			continue // no IPv6 here
		}
		if err != nil {
			return fmt.Errorf("bind %s:%d: %w", a.name, port, err)
		}
	}
	return nil
}

func (linux) anyPort() (int, error) {
	bound, err := bind(&unix.SockaddrInet4{})
	if err != nil {
		return 0, err
	}
	at, ok := bound.(*unix.SockaddrInet4)
	if !ok {
		return 0, fmt.Errorf("the kernel named a socket of family %T", bound)
	}
	return at.Port, nil
}

// bind binds a socket for a moment and returns its address. SO_REUSEADDR is set as servers set it, so that
// connections in TIME_WAIT do not make a port look taken.
func bind(to unix.Sockaddr) (bound unix.Sockaddr, err error) {
	family := unix.AF_INET
	if _, v6 := to.(*unix.SockaddrInet6); v6 {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	if family == unix.AF_INET6 {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return nil, err
		}
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, to); err != nil {
		return nil, err
	}
	return unix.Getsockname(fd)
}
