package procs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
)

// Watch sends the status of every instance and then every change, in order, on a connection of its own. A reader
// that falls far behind misses changes but never a final state. A forgotten instance is told once, as
// StateRemoved. The channel is closed when ctx ends or the connection breaks.
func (c *Client) Watch(ctx context.Context) (<-chan Status, error) {
	own, err := dialWatch(ctx, c.socket)
	if err != nil {
		return nil, err
	}
	changes := make(chan Status, 16)
	w := &watcher{own: own, changes: changes, known: make(map[string]bool)}
	closeConn := sync.OnceValue(own.conn.Close)
	stop := context.AfterFunc(ctx, func() { w.end(closeConn()) })
	go func() {
		defer close(changes)
		w.run(ctx)
		stop()
		w.end(closeConn())
	}()
	return changes, nil
}

// end takes note of how closing went: there is nobody left to tell.
func (w *watcher) end(err error) {
	if err != nil {
		slog.Debug("close watch", "err", err)
	}
}

// watchConn is a connection that carries one watch.
type watchConn struct {
	conn net.Conn
	in   *frameReader
	out  frameWriter
	// early are events that came before the answer to the watch: the keeper writes both as they are ready.
	early []frame
}

type watcher struct {
	own     *watchConn
	changes chan<- Status
	known   map[string]bool // what the reader believes to exist
	seen    map[string]bool // during a resync: what does
}

// run forwards until the connection ends; that is how every watch ends.
func (w *watcher) run(ctx context.Context) {
	for _, f := range w.own.early {
		if w.handle(ctx, f) != nil {
			return
		}
	}
	w.own.early = nil
	for {
		f, err := w.own.in.next()
		if err != nil || w.handle(ctx, f) != nil {
			return
		}
	}
}

func (w *watcher) handle(ctx context.Context, f frame) error {
	switch f.Event {
	case eventResync:
		w.seen = make(map[string]bool)
	case eventSynced:
		return w.synced(ctx)
	case eventStatus:
		var status Status
		if err := json.Unmarshal(f.Body, &status); err != nil {
			return err
		}
		return w.forward(ctx, status)
	}
	return nil
}

// synced tells of what vanished while changes were missed.
func (w *watcher) synced(ctx context.Context) error {
	seen := w.seen
	w.seen = nil
	for id := range w.known {
		if seen[id] {
			continue
		}
		if err := w.forward(ctx, Status{ID: id, State: StateRemoved}); err != nil {
			return err
		}
	}
	return nil
}

func (w *watcher) forward(ctx context.Context, status Status) error {
	if status.State == StateRemoved {
		delete(w.known, status.ID)
	} else {
		w.known[status.ID] = true
	}
	if w.seen != nil {
		w.seen[status.ID] = true
	}
	select {
	case w.changes <- status:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// dialWatch makes a connection on which nothing but a watch is read, by the watch itself: a slow reader is held back
// by the socket.
func dialWatch(ctx context.Context, socket string) (*watchConn, error) {
	conn, err := dialSocket(ctx, socket)
	if err != nil {
		return nil, err
	}
	own := &watchConn{conn: conn, in: newFrameReader(conn), out: frameWriter{conn: conn}}
	if err := own.greet(); err != nil {
		return nil, errors.Join(fmt.Errorf("watch: %w", err), conn.Close())
	}
	return own, nil
}

func (w *watchConn) greet() error {
	if err := w.exchange(1, verbHello, helloRequest{Min: minProtocol, Max: maxProtocol}); err != nil {
		return err
	}
	return w.exchange(2, verbWatch, watchRequest{})
}

func (w *watchConn) exchange(id uint64, verb string, body any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if err := w.out.send(frame{ID: id, Verb: verb, Body: data}, writePatience); err != nil {
		return err
	}
	for {
		f, err := w.in.next()
		switch {
		case err != nil:
			return err
		case f.Event == "":
			return finish(f, nil)
		}
		w.early = append(w.early, f)
	}
}
