package procs

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// daemonReady takes note that the peer, when it is the daemon that runs now, serves. Anybody else is not believed.
func (c *session) daemonReady() error {
	pid, err := peerPID(c.conn)
	if err != nil {
		return err
	}
	if child := c.keeper.child; child != nil {
		child.markReady(pid)
	}
	return nil
}

// peerPID is the process that connected, as the kernel knows it.
func peerPID(conn net.Conn) (int, error) {
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, fmt.Errorf("%T tells no peer", conn)
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var fault error
	err = raw.Control(func(fd uintptr) { cred, fault = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err != nil || fault != nil {
		return 0, fmt.Errorf("ask who connected: %w, %w", err, fault)
	}
	return int(cred.Pid), nil
}
