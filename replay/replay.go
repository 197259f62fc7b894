package replay

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"aictl/replay/compare"
)

// Request asks for a replay. To is SERVICE@RELEASE or a URL.
type Request struct {
	Common
	To string
}

// Summary is how a replay went. Expected = Sent unless it was cut short; Sent is the sum of Statuses and Failures.
type Summary struct {
	SchemaVersion int            `json:"schemaVersion" enum:"1"`
	Run           string         `json:"run" doc:"In the X-Aictl-Replay header of every request"`
	To            string         `json:"to"`
	Speed         string         `json:"speed"`
	Read          int            `json:"read" doc:"Records that were selected"`
	Refused       map[string]int `json:"refused" doc:"Records that cannot be sent again, by reason"`
	Bare          int            `json:"without_credentials" doc:"Sent without credentials that were masked when they were recorded"`
	Expected      int            `json:"expected"`
	Sent          int            `json:"sent"`
	Statuses      map[string]int `json:"statuses"`
	Failures      map[string]int `json:"failures" doc:"Sent, but not answered, by reason"`
	SameAs        SameAs         `json:"as_recorded"`
	Latency       Times          `json:"latency"`
	Lag           Times          `json:"lag" doc:"How late requests were sent; zeros at speed max"`
	StartedAt     time.Time      `json:"started_at"`
	Seconds       float64        `json:"seconds" doc:"From the first send to the last answer"`
	Rate          float64        `json:"rate" doc:"Requests per second"`
	Warnings      []string       `json:"warnings"`
}

// SameAs counts the answers that were as the recorded ones. Bodies are compared by digest where both have one.
type SameAs struct {
	Status   int `json:"status"`
	Body     int `json:"body"`
	BodyKnow int `json:"body_known" doc:"Answers whose recorded body's digest is known"`
}

// Replay sends what a request selects. When ctx ends, the summary tells what was sent until then, with the error.
func (e *Engine) Replay(ctx context.Context, req Request, tell func(Progress)) (sum Summary, err error) {
	if err := req.fill(replayInFlight); err != nil {
		return sum, err
	}
	end, err := e.begin()
	if err != nil {
		return sum, err
	}
	defer end()
	target, err := e.open(ctx, req.To, req.Force, tell)
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, target.close(ctx)) }()
	col, err := e.collect(ctx, req.Common, false, 0, tell)
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, col.sorted.close()) }()
	sum = Summary{
		SchemaVersion: 1, Run: newRunID(), To: target.Name, Speed: req.Pace.String(), Read: col.read, Refused: col.refused, Bare: col.bare,
		Expected: col.sorted.count, Statuses: map[string]int{}, Failures: map[string]int{}, Warnings: col.warnings, StartedAt: time.Now().UTC(),
	}
	s := newSender(req.Concurrency, req.Timeout, req.Header, sum.Run)
	defer s.close()
	c := &counter{sum: &sum}
	err = e.send(ctx, req.Common, col, c, tell, func(ctx context.Context, i *item) error {
		a, err := s.send(ctx, i, target.Target, false)
		if err == nil {
			c.count(i, a)
		}
		return err
	})
	c.finish(time.Since(sum.StartedAt))
	return sum, err
}

// progressor tells how many were sent so far.
type progressor interface{ progress() Progress }

// send runs a schedule over what was collected and tells its progress on the way.
func (e *Engine) send(ctx context.Context, c Common, col *collection, count interface {
	progressor
	late(time.Duration)
}, tell func(Progress), do func(context.Context, *item) error) error {
	next, err := col.sorted.sorted()
	if err != nil {
		return err
	}
	r := &runner{schedule: schedule{c.Pace, c.Sessions, c.Concurrency}, do: do, lag: count.late}
	var telling sync.WaitGroup
	over := make(chan struct{})
	telling.Go(func() {
		tick := time.NewTicker(progressInterval)
		defer tick.Stop()
		for {
			tell(count.progress())
			select {
			case <-tick.C:
			case <-over:
				return
			}
		}
	})
	err = r.run(ctx, next)
	close(over)
	telling.Wait()
	return err
}

// counter fills in a summary while requests are sent.
type counter struct {
	mu      sync.Mutex
	sum     *Summary
	latency histogram
	lag     histogram
}

func (c *counter) late(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lag.add(d)
}

func (c *counter) count(i *item, a compare.Answer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sum.Sent++
	if a.Status == 0 {
		c.sum.Failures[a.Failure]++
		return
	}
	c.latency.add(a.Took)
	c.sum.Statuses[strconv.Itoa(a.Status)]++
	if a.Status == i.Recorded.Status {
		c.sum.SameAs.Status++
	}
	if i.Recorded.SHA256 != [32]byte{} {
		c.sum.SameAs.BodyKnow++
		if i.Recorded.SHA256 == a.SHA256 {
			c.sum.SameAs.Body++
		}
	}
}

func (c *counter) progress() Progress {
	c.mu.Lock()
	defer c.mu.Unlock()
	return sending(c.sum.Read, c.sum.Expected, c.sum.Sent, c.sum.Failures)
}

// sending is the progress of a run that sends, with its failures by reason summed up.
func sending(read, expected, sent int, failures map[string]int) Progress {
	p := Progress{Phase: PhaseSending, Read: read, Expected: expected, Sent: sent}
	for _, n := range failures {
		p.Failed += n
	}
	return p
}

func (c *counter) finish(took time.Duration) {
	c.sum.Latency, c.sum.Lag = c.latency.times(), c.lag.times()
	c.sum.Seconds = took.Seconds()
	if c.sum.Sent > 0 && took > 0 {
		c.sum.Rate = float64(c.sum.Sent) / took.Seconds()
	}
}
