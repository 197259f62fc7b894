package h1

import (
	"bufio"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const readBuffer = 16 << 10

// conn is one connection to an instance, used by one call at a time.
type conn struct {
	net.Conn
	raw   syscall.RawConn
	addr  string
	br    *bufio.Reader
	head  head
	lines []byte // of a head, while it is read
	sent  uint64 // bytes of requests that were answered
	asked uint64 // bytes of the request that runs
	since time.Time

	look   func(fd uintptr) // poll, made a value once
	polled [1]unix.PollFd
	quiet  bool // what poll found
}

func newConn(addr string, nc net.Conn) *conn {
	cn := &conn{Conn: nc, addr: addr, br: bufio.NewReaderSize(nc, readBuffer)}
	if sc, ok := nc.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			cn.raw = raw
		}
	}
	cn.look = cn.poll
	return cn
}

var past = time.Unix(1, 0)

// limit sets the moment from which reads and writes fail; the zero time is none. A connection that does not take it is closed,
// so that nobody waits for it.
func (cn *conn) limit(t time.Time) {
	if err := cn.SetDeadline(t); err != nil {
		cn.close()
	}
}

// interrupt makes reads and writes fail from now on.
func (cn *conn) interrupt() { cn.limit(past) }

// close gives the connection up; nothing depends on an error.
func (cn *conn) close() { cn.Conn.Close() }

// alive reports whether an idle connection can carry another request: the instance has neither closed it nor sent
// anything unasked. It does not block.
func (cn *conn) alive() bool {
	if cn.raw == nil || cn.br.Buffered() > 0 {
		return false
	}
	err := cn.raw.Control(cn.look)
	return err == nil && cn.quiet
}

func (cn *conn) poll(fd uintptr) {
	cn.polled[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN | unix.POLLRDHUP}
	n, err := unix.Poll(cn.polled[:], 0)
	cn.quiet = n == 0 && err == nil
}

// refusedAll reports whether the instance's side has taken none of the bytes of the running request, not even into its buffers: the
// connection was closed when they came. It is asked after a failure, and says no when it cannot know.
func (cn *conn) refusedAll() bool {
	if cn.raw == nil || cn.sent == 0 {
		return false
	}
	refused := false
	err := cn.raw.Control(func(fd uintptr) {
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		// Acknowledged are the requests before, all of them answered, and the connection's opening, which counts as one byte.
		refused = err == nil && info.Bytes_acked >= cn.sent && info.Bytes_acked <= cn.sent+1
	})
	return err == nil && refused
}
