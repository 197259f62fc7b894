package health

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// sweepAll probes many targets of this machine at the same time, on the calling thread alone, and returns a result for each.
//
// Probing hundreds of healthy services is most of what an idle daemon does. With a goroutine and a net.Conn each, nine
// tenths of that time goes into waking threads; plain sockets and one poll(2) for a whole batch do without.
func sweepAll(targets []Target) []Result {
	s := sweep{probes: make([]sweeping, len(targets)), start: time.Now()}
	for k := range targets {
		s.probes[k].begin(targets[k], s.start)
	}
	buf := make([]byte, 16<<10)
	for s.wait() {
		for n, p := range s.polled {
			if p.Revents != 0 {
				s.probes[s.who[n]].proceed(buf)
			}
		}
	}
	out := make([]Result, len(targets))
	for k := range s.probes {
		out[k] = s.probes[k].result
	}
	return out
}

type sweep struct {
	probes []sweeping
	start  time.Time
	polled []unix.PollFd
	who    []int // polled[n] is the socket of probes[who[n]]
}

// wait blocks until a probe can go on, and ends those whose time is over; false means that all have ended.
func (s *sweep) wait() bool {
	now := time.Now()
	patience := time.Duration(-1)
	s.polled, s.who = s.polled[:0], s.who[:0]
	for k := range s.probes {
		p := &s.probes[k]
		if p.done {
			continue
		}
		left := p.deadline.Sub(now)
		if left <= 0 {
			p.end(fmt.Sprintf("GET %s gave no answer within %s", p.target.Path, p.target.Timeout))
			continue
		}
		if patience < 0 || left < patience {
			patience = left
		}
		events := int16(unix.POLLIN)
		if len(p.unsent) > 0 {
			events = unix.POLLOUT
		}
		s.polled, s.who = append(s.polled, unix.PollFd{Fd: int32(p.fd), Events: events}), append(s.who, k)
	}
	if len(s.polled) == 0 {
		return false
	}
	// After an error (EINTR) nobody is ready, and there is one more turn of the loop.
	_, err := unix.Poll(s.polled, int(patience/time.Millisecond)+1)
	return err == nil || errors.Is(err, unix.EINTR) || s.abandon(err)
}

// abandon ends every probe for a reason that is this machine's, not the targets'.
func (s *sweep) abandon(err error) bool {
	for k := range s.probes {
		if !s.probes[k].done {
			s.probes[k].end(explain(err, s.probes[k].target.Addr, s.probes[k].target.Policy))
		}
	}
	return false
}

// sweeping is one probe of a sweep: a socket, what is still to be sent and what came back.
type sweeping struct {
	target   Target
	started  time.Time
	deadline time.Time
	fd       int
	unsent   []byte
	answer   []byte
	done     bool
	result   Result
}

func (p *sweeping) begin(t Target, now time.Time) {
	p.target, p.started, p.deadline, p.fd = t, now, now.Add(t.Timeout), -1
	addr, err := netip.ParseAddrPort(t.Addr)
	if err != nil || !addr.Addr().Is4() {
		p.end(fmt.Sprintf("%q is not an address of this machine", t.Addr))
		return
	}
	if p.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		p.end(explain(err, t.Addr, t.Policy))
		return
	}
	p.unsent = []byte(request(t.Addr, t.Path))
	err = unix.Connect(p.fd, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()})
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		p.end(explain(err, t.Addr, t.Policy))
		return
	}
	p.send()
}

// send sends what can be without waiting.
func (p *sweeping) send() {
	for !p.done && len(p.unsent) > 0 {
		n, err := unix.SendmsgN(p.fd, p.unsent, nil, nil, unix.MSG_NOSIGNAL)
		if waits(err) {
			return
		}
		if err != nil {
			p.end(explain(p.refusal(err), p.target.Addr, p.target.Policy))
			return
		}
		p.unsent = p.unsent[n:]
	}
}

// proceed does what can be without waiting, now that poll has found the socket ready: it sends, or reads into buf.
func (p *sweeping) proceed(buf []byte) {
	if len(p.unsent) > 0 {
		p.send()
		return // the answer takes the other side a moment: poll first
	}
	for !p.done {
		n, err := unix.Read(p.fd, buf)
		if waits(err) {
			return
		}
		if err != nil {
			p.end(explain(err, p.target.Addr, p.target.Policy))
			return
		}
		if len(p.answer) == 0 {
			if code, body, plain := plainAnswer(buf[:n]); plain {
				p.end(reading(code, body, p.target.Policy))
				return
			}
		}
		p.answer = append(p.answer, buf[:n]...)
		p.judge(n == 0)
	}
}

// refusal is why a connection was not made, which the socket knows better than the failed write.
func (p *sweeping) refusal(err error) error {
	if code, fault := unix.GetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_ERROR); fault == nil && code != 0 {
		return unix.Errno(code)
	}
	return err
}

// waits tells "not yet" from an error.
func waits(err error) bool {
	return errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINPROGRESS) || errors.Is(err, unix.EALREADY) ||
		errors.Is(err, unix.ENOTCONN) || errors.Is(err, unix.EINTR)
}

// judge ends the probe when the answer is complete, too long, or will not go on.
func (p *sweeping) judge(eof bool) {
	whole := eof || len(p.answer) > maxAnswer
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(p.answer)), nil)
	if err != nil {
		if whole || !cutOff(err) {
			p.end(explain(err, p.target.Addr, p.target.Policy))
		}
		return
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	switch {
	case err != nil && (whole || !cutOff(err)):
		p.end(explain(err, p.target.Addr, p.target.Policy))
	case err != nil:
	case resp.ContentLength < 0 && len(resp.TransferEncoding) == 0 && !whole:
		// The body ends with the connection.
	default:
		p.end(reading(resp.StatusCode, body, p.target.Policy))
	}
}

// maxAnswer bounds a whole answer: its body and a generous header.
const maxAnswer = maxBody + 64<<10

func cutOff(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

func (p *sweeping) end(detail string) {
	if p.fd >= 0 {
		if err := unix.Close(p.fd); err != nil && detail == "" {
			detail = "close: " + err.Error()
		}
	}
	p.done, p.fd = true, -1
	p.result = Result{OK: detail == "", Detail: detail, Took: time.Since(p.started)}
}

// local reports whether sweepAll can probe an address.
func local(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	ip, perr := netip.ParseAddr(host)
	return err == nil && perr == nil && ip.Is4()
}
