package api

import (
	"context"
	"net"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"
)

type peerKey struct{}

// withPeer keeps the connection in the context of its requests, to learn from it who is calling when it matters.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, peerKey{}, c)
}

// actor names the caller for the history: the user at the other end of a unix socket, else the token.
func actor(ctx context.Context) string {
	c, ok := ctx.Value(peerKey{}).(*net.UnixConn)
	if !ok {
		return "token"
	}
	uid, err := peerUID(c)
	if err != nil {
		return "local"
	}
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return "uid " + id
}

// origin is where the caller is: the address of a connection, "" on this machine's unix socket.
func origin(ctx context.Context) string {
	c, ok := ctx.Value(peerKey{}).(net.Conn)
	if !ok || c.RemoteAddr() == nil || c.RemoteAddr().Network() == "unix" {
		return ""
	}
	return c.RemoteAddr().String()
}

func peerUID(c *net.UnixConn) (uint32, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var fault error
	err = raw.Control(func(fd uintptr) {
		cred, fault = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil {
		return 0, err
	}
	if fault != nil {
		return 0, fault
	}
	return cred.Uid, nil
}
