package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// beacon is the socket at which every measured service reports, so that all managers are measured from the same place:
// the moment a service's first system calls are done.
type beacon struct {
	path     string
	listener *net.UnixListener
	hellos   chan hello

	mu    sync.Mutex
	conns map[string]*net.UnixConn // by the service's name, the latest
}

type hello struct {
	at   time.Time
	pid  int
	name string
}

func newBeacon(path string) (*beacon, error) {
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		return nil, err
	}
	b := &beacon{path: path, listener: l, hellos: make(chan hello, 4096), conns: make(map[string]*net.UnixConn)}
	go b.accept() // ends when close closes the listener
	return b, nil
}

func (b *beacon) accept() {
	for {
		c, err := b.listener.AcceptUnix()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				fmt.Fprintln(os.Stderr, "bench: beacon:", err)
			}
			return
		}
		if err := b.greet(c); err != nil {
			fmt.Fprintln(os.Stderr, "bench: beacon:", err)
		}
	}
}

func (b *beacon) greet(c *net.UnixConn) error {
	buf := make([]byte, 256)
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	n, err := c.Read(buf)
	if err != nil {
		return errors.Join(err, c.Close())
	}
	h := hello{at: time.Now()}
	if _, err := fmt.Sscanf(string(buf[:n]), "hello %d %s", &h.pid, &h.name); err != nil {
		return errors.Join(fmt.Errorf("%q: %w", buf[:n], err), c.Close())
	}
	b.mu.Lock()
	old := b.conns[h.name]
	b.conns[h.name] = c
	b.mu.Unlock()
	if old != nil {
		err = old.Close()
	}
	b.hellos <- h
	return err
}

// forget throws away what has been said so far.
func (b *beacon) forget() {
	for {
		select {
		case <-b.hellos:
		default:
			return
		}
	}
}

// wait returns the next hellos of n different services whose name begins with prefix.
func (b *beacon) wait(prefix string, n int, timeout time.Duration) (map[string]hello, error) {
	seen := make(map[string]hello, n)
	deadline := time.After(timeout)
	for len(seen) < n {
		select {
		case h := <-b.hellos:
			if strings.HasPrefix(h.name, prefix) {
				seen[h.name] = h
			}
		case <-deadline:
			return seen, fmt.Errorf("%d of %d services %s* came up within %s", len(seen), n, prefix, timeout)
		}
	}
	return seen, nil
}

// write makes a service write so many bytes to its stdout and returns how long that took.
func (b *beacon) write(name string, bytes int64) (time.Duration, error) {
	b.mu.Lock()
	c := b.conns[name]
	b.mu.Unlock()
	if c == nil {
		return 0, fmt.Errorf("service %s has not reported", name)
	}
	if err := c.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		return 0, err
	}
	if _, err := fmt.Fprintf(c, "go %d", bytes); err != nil {
		return 0, err
	}
	buf := make([]byte, 64)
	n, err := c.Read(buf)
	if err != nil {
		return 0, fmt.Errorf("service %s: %w", name, err)
	}
	ns, err := strconv.ParseInt(strings.TrimPrefix(string(buf[:n]), "done "), 10, 64)
	return time.Duration(ns), err
}

// close ends every service that still listens: their connection is their lease of life.
func (b *beacon) close() error {
	err := b.listener.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.conns {
		if e := c.Close(); e != nil && !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
	}
	return err
}
