package procs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

const (
	// answerPatience is how long a client may take to read an answer.
	answerPatience = 10 * time.Second
	// helloPatience is how long a new connection may take to say hello.
	helloPatience = 10 * time.Second
	// lastPatience is how long a connection that ends may take to read what it is owed.
	lastPatience = time.Second
	// maxPipelined is how many requests of one connection may wait for their answers.
	maxPipelined = 256
)

// server speaks the protocol for one keeper.
type server struct {
	keeper *Keeper
	ctx    context.Context
	cancel context.CancelCauseFunc
	owned  sync.WaitGroup
	mu     sync.Mutex
	conns  map[net.Conn]bool
}

func newServer(k *Keeper) *server {
	s := &server{keeper: k, conns: make(map[net.Conn]bool)}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s
}

// serve accepts until the listener is closed.
func (s *server) serve(listener net.Listener) {
	for pause := time.Millisecond; ; {
		conn, err := listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, most likely: it passes
			s.keeper.host.log.Warn("accept client", "err", err)
			time.Sleep(pause)
			pause = min(2*pause, time.Second)
			continue
		}
		pause = time.Millisecond
		s.track(conn, true)
		s.owned.Go(func() {
			defer s.track(conn, false)
			newSession(s, conn).run()
		})
	}
}

func (s *server) track(conn net.Conn, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if open {
		s.conns[conn] = true
		return
	}
	delete(s.conns, conn)
}

// close breaks every connection and waits for its goroutines. Answers on their way get a moment; why is what those are
// told whose request was begun and not answered.
func (s *server) close(why error) {
	s.cancel(why)
	s.mu.Lock()
	for conn := range s.conns {
		s.interrupt(conn)
	}
	s.mu.Unlock()
	s.owned.Wait()
}

// session is one connection.
type session struct {
	server  *server
	keeper  *Keeper
	conn    net.Conn
	in      *frameReader
	out     frameWriter
	version int // of the protocol, agreed on in hello
	ctx     context.Context
	cancel  context.CancelFunc
	pending sync.WaitGroup
	slots   chan struct{}
}

func newSession(s *server, conn net.Conn) *session {
	c := &session{server: s, keeper: s.keeper, conn: conn, in: newFrameReader(conn), slots: make(chan struct{}, maxPipelined)}
	c.out.conn = conn
	c.ctx, c.cancel = context.WithCancel(s.ctx)
	return c
}

// run reads requests until the peer goes away or talks nonsense, then waits for what it still owes.
func (c *session) run() {
	err := c.hello()
	for err == nil {
		var f frame
		if f, err = c.in.next(); err == nil {
			c.begin(f)
		}
	}
	if errors.Is(err, errFrame) || errors.Is(err, ErrVersion) {
		c.refuse(0, err)
	}
	c.cancel()
	deaf := time.AfterFunc(lastPatience, c.close) // a peer that reads nothing would hold its goroutines for ever
	c.pending.Wait()
	deaf.Stop()
	c.close()
}

func (c *session) close() {
	if err := c.conn.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		c.keeper.host.log.Debug("close client", "err", err)
	}
}

// hello is the first exchange: it settles the version.
func (c *session) hello() error {
	if err := c.conn.SetReadDeadline(time.Now().Add(helloPatience)); err != nil {
		return err
	}
	f, err := c.in.next()
	if err != nil {
		return err
	}
	if err := c.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	var want helloRequest
	if f.Verb != verbHello {
		return fmt.Errorf("%w: the first request must be hello", errFrame)
	}
	if err := json.Unmarshal(f.Body, &want); err != nil {
		return fmt.Errorf("%w: hello: %w", errFrame, err)
	}
	if c.version, err = agree(want); err != nil {
		c.refuse(f.ID, err)
		return err
	}
	c.answer(f.ID, c.keeper.hello(c.version))
	return nil
}

// agree picks the highest version both sides speak.
func agree(want helloRequest) (int, error) {
	version := min(want.Max, maxProtocol)
	if version < max(want.Min, minProtocol) {
		return 0, fmt.Errorf("%w: the keeper speaks %d to %d, the client %d to %d; run `aictl upgrade`, or restart the older of the two",
			ErrVersion, minProtocol, maxProtocol, want.Min, want.Max)
	}
	return version, nil
}

func (k *Keeper) hello(version int) Hello {
	return Hello{
		Protocol: version, Version: k.version, PID: os.Getpid(), BootID: k.host.bootID,
		StartedAt: k.startedAt, Cgroups: k.host.groups != nil,
	}
}

// begin hands a request over in the order of arrival and leaves the waiting for its answer to a goroutine.
func (c *session) begin(f frame) {
	select {
	case c.slots <- struct{}{}:
	case <-c.ctx.Done():
		return
	}
	wait, err := c.dispatch(f)
	c.pending.Go(func() {
		defer func() { <-c.slots }()
		var answer any
		if err == nil {
			answer, err = wait(c.ctx)
		}
		if errors.Is(err, context.Canceled) && errors.Is(context.Cause(c.server.ctx), ErrHandover) {
			err = ErrHandover
		}
		if err != nil {
			c.refuse(f.ID, err)
			return
		}
		c.answer(f.ID, answer)
	})
}

func (c *session) answer(id uint64, body any) {
	data, err := json.Marshal(body)
	if err != nil {
		c.refuse(id, err)
		return
	}
	c.send(frame{ID: id, Body: data})
}

func (c *session) refuse(id uint64, err error) {
	if errors.Is(err, errFrame) {
		err = fmt.Errorf("%w: %w", ErrInvalidRequest, err)
	}
	c.send(frame{ID: id, Error: remote(err)})
}

// send breaks the connection when the peer does not take what it asked for.
func (c *session) send(f frame) {
	if err := c.out.send(f, answerPatience); err != nil {
		c.keeper.host.log.Debug("answer client", "err", err)
		c.cancel()
		c.server.interrupt(c.conn)
	}
}

// interrupt ends a connection's reading, and with it the session.
func (s *server) interrupt(conn net.Conn) {
	if err := conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
		s.keeper.host.log.Debug("interrupt client", "err", err)
	}
}
