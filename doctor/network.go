package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
)

func checkDaemon(ctx context.Context, opts Options) (Result, bool) {
	const check = "daemon"
	if opts.Daemon == nil {
		return warn(check, say("not asked"), Text{}), false
	}
	version, err := opts.Daemon(ctx)
	if err != nil {
		return warn(check, say("%s", err), say("start one: aictl daemon (or systemctl start aictl)")), false
	}
	return ok(check, say("aictl %s answers", version)), true
}

// checkListen tries the two addresses. With a daemon up they are its own, and taken.
func checkListen(sys Kernel, opts Options, daemonUp bool) Result {
	const check = "listen"
	for _, l := range []struct{ flag, addr string }{{"--listen", opts.Listen}, {"--gateway-listen", opts.GatewayListen}} {
		err := sys.Bind(l.addr)
		switch {
		case err == nil || daemonUp && errors.Is(err, syscall.EADDRINUSE):
		case errors.Is(err, syscall.EADDRINUSE):
			return bad(check, say("%s is taken by another program", l.addr),
				say("see who has it with ss -ltnp, or choose another address with aictl daemon %s", l.flag))
		case errors.Is(err, syscall.EACCES):
			return bad(check, say("%s may not be listened on by this user", l.addr),
				say("choose a port of 1024 or above with aictl daemon %s", l.flag))
		default:
			return bad(check, say("%s cannot be listened on: %s", l.addr, err),
				say("choose an address of this machine with aictl daemon %s", l.flag))
		}
	}
	if daemonUp {
		return ok(check, say("%s and %s are the daemon's", opts.Listen, opts.GatewayListen))
	}
	return ok(check, say("%s and %s are free", opts.Listen, opts.GatewayListen))
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// checkPorts tries every port services may get. Ports in use are no fault while the daemon runs: they are its services'.
func checkPorts(sys System, opts Options, daemonUp bool) Result {
	const check = "ports"
	low, high := opts.PortLow, opts.PortHigh
	if low < 1 || high > 65535 || low > high {
		return bad(check, say("%d-%d is not a range of ports", low, high), say("choose one such as 8001-8999 with aictl daemon --ports"))
	}
	total, free := high-low+1, 0
	for port := low; port <= high; port++ {
		if sys.Bind(fmt.Sprintf("127.0.0.1:%d", port)) == nil {
			free++
		}
	}
	switch {
	case free == 0:
		return bad(check, say("none of the %d ports %d-%d is free", total, low, high),
			say("see who has them with ss -ltnp, or choose another range with aictl daemon --ports"))
	case !daemonUp && free*2 < total:
		return warn(check, say("only %d of the %d ports %d-%d are free", free, total, low, high),
			say("see who has them with ss -ltnp, or choose another range with aictl daemon --ports"))
	}
	if from, to, found := ephemeral(sys); found && low <= to && from <= high {
		return warn(check, say("ports %d-%d overlap %d-%d, from which the kernel serves outgoing connections", low, high, from, to),
			say("choose a range outside it with aictl daemon --ports"))
	}
	return ok(check, say("%d of %d free in %d-%d", free, total, low, high))
}

func ephemeral(sys Files) (from, to int, found bool) {
	text, err := sys.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return 0, 0, false
	}
	n, err := fmt.Sscan(strings.TrimSpace(string(text)), &from, &to)
	return from, to, err == nil && n == 2
}
