package services

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"aictl/configs"
)

// Bounds of state hooks.
const (
	waitingHooks = 256
	hooksAtOnce  = 4
	commandTime  = 30 * time.Second
	postTime     = 10 * time.Second
)

// postPauses are the waits before a URL is tried again.
var postPauses = []time.Duration{time.Second, 4 * time.Second}

// hookJob is one hook that is told of one event.
type hookJob struct {
	hook  configs.StateHook
	event Event
	dir   string
	env   []string
}

// hooks tells state hooks of events. Whoever offers an event never waits.
type hooks struct {
	log     *slog.Logger
	queue   chan hookJob
	dropped atomic.Int64
	client  *http.Client
	pauses  []time.Duration
	limit   time.Duration // of a command
	all     atomic.Pointer[[]configs.DaemonHook]
	counts  hookCounts
}

func newHooks(log *slog.Logger) *hooks {
	return &hooks{
		log: log, queue: make(chan hookJob, waitingHooks), pauses: postPauses, limit: commandTime,
		client: &http.Client{Timeout: postTime, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}},
	}
}

// offer queues the hooks that want ev, those of i and those for every service; what there is no room for is counted.
func (h *hooks) offer(ev Event, i *instance) {
	h.offerAll(ev)
	if i == nil {
		return
	}
	for _, hook := range i.man.Hooks.On {
		if hook.Wants(string(ev.Kind)) {
			h.put(hookJob{hook, ev, i.spec.Dir, i.spec.Env})
		}
	}
}

func (h *hooks) put(job hookJob) {
	select {
	case h.queue <- job:
	default:
		h.dropped.Add(1) // told by the next worker: writing a log may take time
		h.counts.dropped.Add(1)
	}
}

// start runs hooks until ctx ends; wait returns when none runs any more.
func (h *hooks) start(ctx context.Context) (wait func()) {
	var workers sync.WaitGroup
	for range hooksAtOnce {
		workers.Go(func() { h.work(ctx) })
	}
	return workers.Wait
}

func (h *hooks) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case job := <-h.queue:
			if n := h.dropped.Swap(0); n > 0 {
				h.log.Warn("state hooks dropped: they come faster than they run", "count", n)
			}
			err := h.do(ctx, job)
			if err != nil && ctx.Err() == nil {
				h.log.Warn("state hook failed", "service", job.event.Service, "event", job.event.Kind, "hook", job.hook.Target(), "err", err)
			}
			h.counts.done(err)
		}
	}
}

func (h *hooks) do(ctx context.Context, job hookJob) error {
	body, err := json.Marshal(job.event)
	if err != nil {
		return fmt.Errorf("write event %d: %w", job.event.Seq, err)
	}
	if job.hook.Command != "" {
		return h.command(ctx, job, append(body, '\n'))
	}
	if err := h.post(ctx, job.hook.URL, body); err != nil {
		return fmt.Errorf("post the event to %s: %w", job.hook.Target(), withoutURL(err))
	}
	return nil
}

// post sends the event; a failure is tried again after each of the pauses.
func (h *hooks) post(ctx context.Context, to string, body []byte) error {
	err := h.postOnce(ctx, to, body)
	for _, pause := range h.pauses {
		if err == nil {
			return nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		err = h.postOnce(ctx, to, body)
	}
	return err
}

func (h *hooks) postOnce(ctx context.Context, to string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "aictl")
	res, err := h.client.Do(req)
	if err != nil {
		return err
	}
	if err := res.Body.Close(); err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("it answered %s", res.Status)
	}
	return nil
}

// withoutURL is err without the address, which may hold a token.
func withoutURL(err error) error {
	var where *url.Error
	if errors.As(err, &where) {
		return where.Err
	}
	return err
}
