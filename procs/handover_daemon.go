package procs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// envStandby tells a daemon that another one serves: it waits (Client.Standby) before it touches what both use. Its value is
// the descriptor that becomes its standard output once it serves; the next one becomes its standard error.
const envStandby = "AICTL_STANDBY"

const (
	// releasePatience is how long an old daemon may take to let go: deploys and calls of the API under way are ended.
	releasePatience = time.Minute
	// drainPatience is how long an old daemon may answer the requests it has begun with.
	drainPatience = 10 * time.Minute
	// trailLines is how much of what a failed candidate printed is told.
	trailLines = 5
)

// change replaces the daemon by one of another program. When that fails, the old program goes on.
func (c *child) change(ctx context.Context, up *upgrade) bool {
	next, err := c.replace(ctx, c.current, up)
	c.current = next
	if err != nil {
		up.fail(err)
		c.tell("READY=1", "STATUS=serving")
		return false
	}
	c.current.told = true
	return true
}

// goBack returns to the keeper's own program after an upgrade that failed when the daemon had changed already.
func (c *child) goBack(ctx context.Context) {
	if c.revert == nil {
		return
	}
	next, err := c.replace(ctx, c.current, c.revert)
	c.current = next
	if err != nil {
		c.host.log.Error("daemon not changed back to the keeper's program", "err", err)
	}
}

// replace starts a candidate, waits until it is up, makes the old daemon let go, and lets the candidate go on. Up to that
// point a failure leaves the old daemon as it is; after it the old program has to be started anew: then no daemon is
// returned. At no time do both run deploys, probes or the API.
func (c *child) replace(ctx context.Context, old *daemonProcess, up *upgrade) (*daemonProcess, error) {
	candidate, err := c.candidate(up)
	if err != nil {
		return old, err
	}
	if err := c.await(ctx, candidate, &candidate.words.standby, up.patience, old); err != nil {
		return old, err
	}
	if old != nil {
		c.release(ctx, old)
	}
	candidate.words.goOn.come()
	if err := c.await(ctx, candidate, &candidate.words.ready, up.patience, nil); err != nil {
		return nil, err
	}
	c.publish(candidate)
	return candidate, nil
}

func (c *child) candidate(up *upgrade) (*daemonProcess, error) {
	fd, err := unix.MemfdCreate("aictl-trail", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make room for what the new daemon prints: %w", err)
	}
	trail := os.NewFile(uintptr(fd), "trail")
	p, err := c.spawn(up.program, up.own, trail)
	if err != nil {
		return nil, errors.Join(err, trail.Close())
	}
	return p, nil
}

// await returns when the candidate has said a word. One that ends or takes too long is cleared away; so is one whose
// predecessor dies, which is then started again as ever.
func (c *child) await(ctx context.Context, p *daemonProcess, word *moment, patience time.Duration, old *daemonProcess) error {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	var fault error
	select {
	case <-word.ch:
		return nil
	case exit := <-p.exits:
		fault = errChildEnded{exit}
	case <-limit.C:
		fault = fmt.Errorf("it was not ready within %s", short(patience))
		c.kill(p)
	case exit := <-old.ended():
		fault = errors.New("the old daemon died meanwhile: try again")
		c.kill(p)
		old.exits <- exit // for run
	case <-ctx.Done():
		fault = ctx.Err()
		c.kill(p)
	}
	fault = fmt.Errorf("%w: %w%s", ErrNotUp, fault, c.lastLines(p))
	c.finish(p)
	return fault
}

// lastLines are what a candidate printed last; all of it goes where the keeper prints.
func (c *child) lastLines(p *daemonProcess) string {
	text, err := io.ReadAll(io.NewSectionReader(p.trail, 0, 1<<20))
	if err != nil {
		c.host.log.Warn("read what the new daemon printed", "err", err)
	}
	if _, err := os.Stderr.Write(text); err != nil {
		c.host.log.Warn("pass on what the new daemon printed", "err", err)
	}
	return printed(text)
}

// publish passes on what a candidate printed before it served. From then on it prints where the keeper does.
func (c *child) publish(p *daemonProcess) {
	_, err := io.Copy(os.Stderr, io.NewSectionReader(p.trail, 0, 1<<20))
	if err = errors.Join(err, p.trail.Close()); err != nil {
		c.host.log.Warn("pass on what the new daemon printed", "err", err)
	}
	p.trail = nil
}

// release makes the old daemon let go of all that its successor needs, and leaves it to answer what it has begun with. One
// that knows no such thing is stopped.
func (c *child) release(ctx context.Context, old *daemonProcess) {
	if !old.words.speaks(since[verbReleased]) {
		c.end(old)
		return
	}
	err := old.pidfd.Signal(syscall.SIGUSR2)
	limit := time.NewTimer(releasePatience)
	defer limit.Stop()
	select {
	case <-old.words.released.ch:
		c.drain(ctx, old)
		return
	case <-old.exits:
	case <-limit.C:
		c.host.log.Warn("old daemon did not let go in time, killing it", "pid", old.pid, "err", err)
		c.kill(old)
	case <-ctx.Done():
		c.end(old)
		return
	}
	c.finish(old)
}

// drain sees to it that an old daemon ends.
func (c *child) drain(ctx context.Context, p *daemonProcess) {
	c.mu.Lock()
	c.draining = append(c.draining, p)
	c.mu.Unlock()
	c.owned.Go(func() {
		limit := time.NewTimer(drainPatience)
		defer limit.Stop()
		select {
		case <-p.exits:
			c.finish(p)
		case <-limit.C:
			c.end(p)
		case <-ctx.Done():
			c.end(p)
		case <-c.letGo:
			return // and stay on the list
		}
		c.mu.Lock()
		c.draining = slices.DeleteFunc(c.draining, func(other *daemonProcess) bool { return other == p })
		c.mu.Unlock()
	})
}

// heldDaemon is a process of the daemon as one keeper hands it to the next.
type heldDaemon struct {
	ID        string    `json:"id"`
	PID       int       `json:"pid"`
	Start     uint64    `json:"start"`
	Nonce     string    `json:"nonce"`
	StartedAt time.Time `json:"started_at"`
	Ready     bool      `json:"ready,omitempty"`
	Draining  bool      `json:"draining,omitempty"`
	Protocol  int       `json:"protocol"`
}

// hold lets go of every process of the daemon and says what they are.
func (c *child) hold() (held []heldDaemon, err error) {
	note := func(p *daemonProcess, draining bool) {
		p.words.mu.Lock()
		defer p.words.mu.Unlock()
		held = append(held, heldDaemon{
			ID: p.id, PID: p.pid, Start: p.start, Nonce: p.nonce, StartedAt: p.startedAt,
			Ready: p.words.ready.past(), Draining: draining, Protocol: p.words.protocol,
		})
		err = errors.Join(err, p.pidfd.Close())
	}
	if c.current != nil {
		note(c.current, false)
	}
	for _, p := range c.draining {
		note(p, true)
	}
	return held, err
}

// takeOver goes on with the processes of another keeper's daemon. One that is gone is left out.
func (c *child) takeOver(ctx context.Context, held []heldDaemon) {
	for _, h := range held {
		process, err := c.host.openProcess(h.PID, h.Start, h.Nonce, h.ID)
		if err != nil {
			c.host.log.Warn("daemon not taken over", "pid", h.PID, "err", err)
			continue
		}
		process.startedAt = h.StartedAt
		p := &daemonProcess{process: process, id: h.ID, nonce: h.Nonce, exits: make(chan Exit, 1)}
		c.watch(p)
		p.words.protocol = h.Protocol
		if h.Ready {
			p.words.ready.come()
		}
		if h.Draining {
			c.drain(ctx, p)
		} else {
			c.current = p
		}
	}
}

// StandsBy says whether this process, a daemon, was started beside another one.
func StandsBy() bool { return os.Getenv(envStandby) != "" }

// TakeOutput makes a daemon that was started beside another one print where the keeper does, from now on. Others do so already.
func TakeOutput() error {
	text := os.Getenv(envStandby)
	if text == "" {
		return nil
	}
	first, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("%s=%s is not a descriptor: remove it from the environment", envStandby, text)
	}
	for n := range 2 {
		unix.CloseOnExec(first + n)
		err = errors.Join(err, unix.Dup3(first+n, 1+n, 0), unix.Close(first+n))
	}
	return errors.Join(err, os.Unsetenv(envStandby))
}
