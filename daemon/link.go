package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"aictl/procs"
)

// link is the daemon's connection to its keeper. When the keeper's program changes in its process, the connection breaks:
// the link makes a new one and asks again what was not taken in. A keeper that is another process is not followed: it
// starts a daemon of its own.
type link struct {
	socket string

	mu     sync.Mutex
	client *procs.Client
	closed bool
}

func dialKeeper(ctx context.Context, socket string) (*link, error) {
	client, err := procs.Dial(ctx, socket)
	if err != nil {
		return nil, fmt.Errorf("connect to the keeper: %w", err)
	}
	return &link{socket: socket, client: client}, nil
}

// Close ends the connection for good.
func (l *link) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	return l.client.Close()
}

// Hello is what the keeper said of itself last.
func (l *link) Hello() procs.Hello { return l.current().Hello() }

func (l *link) current() *procs.Client {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.client
}

// redialTries is how often a connection is made anew: a keeper that changes its program twice is rare enough.
const redialTries = 5

// renew replaces a broken connection, unless another call has done so.
func (l *link) renew(ctx context.Context, broken *procs.Client) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return procs.ErrClosed
	}
	if l.client != broken {
		return nil
	}
	var client *procs.Client
	var err error
	for range redialTries {
		if client, err = procs.Dial(ctx, l.socket); !errors.Is(err, procs.ErrClosed) {
			break
		}
	}
	if err != nil {
		return errors.Join(procs.ErrClosed, err)
	}
	if client.Hello().PID != broken.Hello().PID {
		return errors.Join(fmt.Errorf("%w: another keeper answers", procs.ErrClosed), client.Close())
	}
	l.client = client
	return nil
}

// do makes a call that the keeper may do twice.
func (l *link) do(ctx context.Context, call func(*procs.Client) error) error {
	return l.once(ctx, call, call)
}

// once makes a call. Where the keeper took it in but could not tell its end, rest is called instead of asking twice; nil
// when there is nothing more to wait for.
func (l *link) once(ctx context.Context, call, rest func(*procs.Client) error) error {
	for range redialTries {
		client := l.current()
		err := call(client)
		begun := errors.Is(err, procs.ErrHandover)
		if !begun && !errors.Is(err, procs.ErrClosed) || ctx.Err() != nil {
			return err
		}
		if err := l.renew(ctx, client); err != nil {
			return err
		}
		if begun && rest == nil {
			return nil
		}
		if begun {
			call = rest
		}
	}
	return procs.ErrClosed
}

// ApplyAll is procs.Client.ApplyAll, and so on.
func (l *link) ApplyAll(ctx context.Context, specs []procs.Spec, opt procs.ApplyOptions) (results []procs.Result, err error) {
	err = l.do(ctx, func(c *procs.Client) (err error) {
		results, err = c.ApplyAll(ctx, specs, opt)
		return err
	})
	return results, err
}

func (l *link) StartAll(ctx context.Context, ids []string) (results []procs.Result, err error) {
	err = l.do(ctx, func(c *procs.Client) (err error) {
		results, err = c.StartAll(ctx, ids)
		return err
	})
	return results, err
}

func (l *link) StopAll(ctx context.Context, ids []string, wait bool) (results []procs.Result, err error) {
	err = l.do(ctx, func(c *procs.Client) (err error) {
		results, err = c.StopAll(ctx, ids, wait)
		return err
	})
	return results, err
}

// RestartWait restarts once: what follows a restart that was begun is a start, which only waits for it.
func (l *link) RestartWait(ctx context.Context, id, reason string) (status procs.Status, err error) {
	err = l.once(ctx, func(c *procs.Client) (err error) {
		status, err = c.RestartWait(ctx, id, reason)
		return err
	}, func(c *procs.Client) (err error) {
		status, err = c.StartWait(ctx, id)
		return err
	})
	return status, err
}

func (l *link) RestartUnhealthy(ctx context.Context, id, reason string) (status procs.Status, err error) {
	err = l.once(ctx, func(c *procs.Client) (err error) {
		status, err = c.RestartUnhealthy(ctx, id, reason)
		return err
	}, nil)
	return status, err
}

// RemoveAll removes; asked again, what is gone already is as wanted.
func (l *link) RemoveAll(ctx context.Context, ids []string) (results []procs.Result, err error) {
	again := false
	err = l.do(ctx, func(c *procs.Client) (err error) {
		results, err = c.RemoveAll(ctx, ids)
		for n := range results {
			if again && errors.Is(results[n].Err, procs.ErrUnknownInstance) {
				results[n].Err = nil
			}
		}
		again = true
		return err
	})
	return results, err
}

func (l *link) SignalGroup(ctx context.Context, id, signal string) error {
	return l.once(ctx, func(c *procs.Client) error { return c.SignalGroup(ctx, id, signal) }, nil)
}

func (l *link) Verdict(ctx context.Context, v procs.Verdict) error {
	return l.do(ctx, func(c *procs.Client) error { return c.Verdict(ctx, v) })
}

func (l *link) List(ctx context.Context) (all []procs.Status, err error) {
	err = l.do(ctx, func(c *procs.Client) (err error) {
		all, err = c.List(ctx)
		return err
	})
	return all, err
}

func (l *link) Version(ctx context.Context) (hello procs.Hello, err error) {
	err = l.do(ctx, func(c *procs.Client) (err error) {
		hello, err = c.Version(ctx)
		return err
	})
	return hello, err
}

// Ready, Standby and Released are what the daemon says of itself.
func (l *link) Ready(ctx context.Context) error {
	return l.do(ctx, func(c *procs.Client) error { return c.Ready(ctx) })
}

func (l *link) Released(ctx context.Context) error {
	return l.do(ctx, func(c *procs.Client) error { return c.Released(ctx) })
}

// linkSettles is how long the two connections to a keeper may take to end together.
const linkSettles = time.Second

// watch gives every change to tell until ctx ends (nil) or the keeper is lost.
func (l *link) watch(ctx context.Context, tell func(procs.Status)) error {
	for {
		client := l.current()
		changes, err := client.Watch(ctx)
		if err == nil {
			for status := range changes {
				tell(status)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-client.Done():
			if err := l.renew(ctx, client); err != nil {
				return fmt.Errorf("the keeper was lost: %w", err)
			}
		case <-time.After(linkSettles): // only the watch has ended, of a reader too slow for one
			if err != nil {
				return err
			}
		}
	}
}
