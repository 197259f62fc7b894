package procs

import (
	"context"
	"fmt"
	"net"
	"sync"

	"golang.org/x/sys/unix"
)

// moment is something that comes once, or never.
type moment struct {
	once sync.Once
	ch   chan struct{}
}

func (m *moment) come()      { m.once.Do(func() { close(m.ch) }) }
func (m *moment) past() bool { return isClosed(m.ch) }

// words are what passes between the keeper and a process of the daemon.
type words struct {
	ready    moment // it serves
	standby  moment // it is up and waits
	goOn     moment // it was told to go on
	released moment // it has let go of all that its successor needs

	mu       sync.Mutex
	protocol int // the newest version it has spoken
}

func newWords() *words {
	w := new(words)
	for _, m := range []*moment{&w.ready, &w.standby, &w.goOn, &w.released} {
		m.ch = make(chan struct{})
	}
	return w
}

func (w *words) speaks(protocol int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.protocol >= protocol
}

// sayings are the words by processes. A process may speak before the keeper knows its pid.
type sayings struct {
	mu sync.Mutex
	by map[int]*words
}

func (s *sayings) of(pid int) *words {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by[pid] == nil {
		s.by[pid] = newWords()
	}
	return s.by[pid]
}

func (s *sayings) forget(pid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by, pid)
}

// peerWords are the words of the process at the other end. Only a child of the keeper is listened to: nil for others.
func (c *session) peerWords() (*words, error) {
	pid, err := peerPID(c.conn)
	if err != nil || c.keeper.child == nil || !c.keeper.host.children.isKnown(pid) {
		return nil, err
	}
	w := c.keeper.child.said.of(pid)
	w.mu.Lock()
	w.protocol = max(w.protocol, c.version)
	w.mu.Unlock()
	return w, nil
}

// daemonReady takes note that the peer, when it is the daemon that runs now, serves. Anybody else is not believed.
func (c *session) daemonReady() error {
	w, err := c.peerWords()
	if w != nil {
		w.ready.come()
	}
	return err
}

// daemonReleased takes note that the peer, an old daemon, has let go.
func (c *session) daemonReleased() error {
	w, err := c.peerWords()
	if w != nil {
		w.released.come()
	}
	return err
}

// daemonStandby answers when the peer, a candidate, may go on.
func (c *session) daemonStandby() (waiting, error) {
	w, err := c.peerWords()
	if err != nil {
		return nil, err
	}
	if w == nil {
		return nil, fmt.Errorf("%w: standby is for a daemon that the keeper has started", ErrInvalidRequest)
	}
	w.standby.come()
	return func(ctx context.Context) (any, error) {
		select {
		case <-w.goOn.ch:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}, nil
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
