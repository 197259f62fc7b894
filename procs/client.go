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

// Client is a connection to a keeper. It is safe for concurrent use: requests are pipelined, and those about
// different instances do not wait for one another. A broken connection stays broken: Dial again.
type Client struct {
	socket string
	conn   net.Conn
	out    frameWriter
	hello  Hello
	done   chan struct{}

	mu      sync.Mutex
	lastID  uint64
	pending map[uint64]chan frame
	fault   error
}

// Dial connects to the keeper's socket and agrees on a protocol version (ErrVersion when there is none in common).
func Dial(ctx context.Context, socket string) (*Client, error) {
	conn, err := dialSocket(ctx, socket)
	if err != nil {
		return nil, err
	}
	c := &Client{socket: socket, conn: conn, done: make(chan struct{}), pending: make(map[uint64]chan frame)}
	c.out.conn = conn
	in := newFrameReader(conn)
	go c.read(in)
	want := helloRequest{Min: minProtocol, Max: maxProtocol, Client: fmt.Sprintf("pid %d", os.Getpid())}
	if err := c.call(ctx, verbHello, want, &c.hello); err != nil {
		return nil, errors.Join(fmt.Errorf("greet the keeper: %w", err), c.Close())
	}
	return c, nil
}

func dialSocket(ctx context.Context, socket string) (net.Conn, error) {
	var conn net.Conn
	err := withShortPath(socket, func(short string) (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, "unix", short)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("connect to the keeper (does `aictl daemon` run?): %w", err)
	}
	return conn, nil
}

// Hello is what the keeper said when the connection was made.
func (c *Client) Hello() Hello { return c.hello }

// Done is closed when the connection has ended; Err then says why.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err says why the connection ended; nil while it has not.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fault
}

// Close ends the connection. Calls under way return ErrClosed.
func (c *Client) Close() error {
	err := c.conn.Close()
	<-c.done
	return err
}

// read gives each answer to the call that waits for it.
func (c *Client) read(in *frameReader) {
	defer close(c.done)
	for {
		f, err := in.next()
		c.mu.Lock()
		if err != nil {
			c.fault = fmt.Errorf("%w: %w", ErrClosed, err)
			c.mu.Unlock()
			return
		}
		if f.ID == 0 && f.Error != nil {
			c.fault = fmt.Errorf("%w: %w", ErrClosed, f.Error)
			c.mu.Unlock()
			return
		}
		answer := c.pending[f.ID]
		delete(c.pending, f.ID)
		c.mu.Unlock()
		if answer != nil {
			answer <- f
		}
	}
}

// writePatience is how long the keeper may take to read a request.
const writePatience = 10 * time.Second

// call sends a request and waits for its answer, which is decoded into answer unless that is nil.
func (c *Client) call(ctx context.Context, verb string, body, answer any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	reply := make(chan frame, 1)
	c.mu.Lock()
	c.lastID++
	id := c.lastID
	c.pending[id] = reply
	c.mu.Unlock()
	defer c.drop(id)
	if err := c.out.send(frame{ID: id, Verb: verb, Body: data}, writePatience); err != nil {
		return fmt.Errorf("%s: %w", verb, c.broken(err))
	}
	select {
	case f := <-reply:
		return finish(f, answer)
	case <-ctx.Done():
		return fmt.Errorf("%s: %w", verb, ctx.Err())
	case <-c.done:
	}
	select {
	case f := <-reply:
		return finish(f, answer)
	default:
		return fmt.Errorf("%s: %w", verb, c.Err())
	}
}

func (c *Client) drop(id uint64) {
	c.mu.Lock()
	delete(c.pending, id)
	c.mu.Unlock()
}

// broken gives an error of the connection its identity.
func (c *Client) broken(err error) error {
	if errors.Is(err, ErrInvalidRequest) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrClosed, err)
}

func finish(f frame, answer any) error {
	if f.Error != nil {
		return f.Error
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(f.Body, answer)
}
