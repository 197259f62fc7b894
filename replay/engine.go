package replay

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"aictl/store/records"
)

// Errors that callers branch on.
var (
	// ErrLive is returned for a target that serves live requests, unless force is given.
	ErrLive = errors.New("it serves live requests")
	// ErrTarget is returned for a target that is not understood.
	ErrTarget = errors.New("bad target")
	// ErrOptions is returned for options that contradict themselves or are out of their range.
	ErrOptions = errors.New("bad options")
	// ErrBusy is returned when as many replays run as may.
	ErrBusy = errors.New("too many replays run already")
	// ErrNothing is returned when no request could be compared.
	ErrNothing = errors.New("nothing could be compared")
)

// Records visits recorded exchanges; *records.Archive is one.
type Records interface {
	Each(ctx context.Context, f records.Filter, visit func(*records.Exchange) error) (warnings []string, err error)
}

// Fleet knows the releases of services and where they are reached.
type Fleet interface {
	// Find resolves a release's id or number; "" and "live" are the live one. Live are the addresses (host:port) of its
	// instances that get live requests, none when it gets none.
	Find(ctx context.Context, service, release string) (id string, live []string, err error)
	// Candidate starts one instance of a release that gets no live requests, until stop is called.
	Candidate(ctx context.Context, service, release string, progress func(string)) (addr string, stop func(context.Context) error, err error)
	// Serving tells which local ports serve live requests, and what is behind each.
	Serving(ctx context.Context) (map[int]string, error)
}

// Deps is what an Engine works with.
type Deps struct {
	Records Records
	Fleet   Fleet
	Dir     string // where requests and answers wait for their turn, in files without names
	Prefix  string // of the gateway's paths before the service's name, for X-Forwarded-Prefix
	Logger  *slog.Logger
}

// maxJobs is how many replays and comparisons may run at a time.
const maxJobs = 4

// Engine replays and compares. Its methods are safe for concurrent use; what they started has ended when they return.
type Engine struct {
	Deps
	jobs chan struct{}
}

// New returns an engine.
func New(d Deps) *Engine {
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	return &Engine{Deps: d, jobs: make(chan struct{}, maxJobs)}
}

// Common are the options of replays and comparisons.
type Common struct {
	Filter      records.Filter // its Limit is that of requests to send, the newest; 0 is all
	Methods     []string       // only these; none is any
	Pace        Pace
	Sessions    bool
	Concurrency int           // 0 is the default
	Timeout     time.Duration // of one request; 0 is the default
	Header      http.Header   // set on every request
	Force       bool          // also to a live release
}

// Bounds and defaults of Common.
const (
	maxConcurrency   = 1024
	defaultTimeout   = time.Minute
	replayInFlight   = 64
	compareInFlight  = 4
	progressInterval = 500 * time.Millisecond
)

func (c *Common) fill(concurrency int) error {
	if c.Concurrency == 0 {
		c.Concurrency = concurrency
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	switch {
	case c.Concurrency < 1 || c.Concurrency > maxConcurrency:
		return fmt.Errorf("%w: concurrency %d: use 1 to %d", ErrOptions, c.Concurrency, maxConcurrency)
	case c.Timeout < 0:
		return fmt.Errorf("%w: timeout %s: use a positive time such as 30s", ErrOptions, c.Timeout)
	case c.Filter.Limit < 0:
		return fmt.Errorf("%w: limit %d: use a positive number, or none for all", ErrOptions, c.Filter.Limit)
	}
	for name := range c.Header {
		if dropped[http.CanonicalHeaderKey(name)] && http.CanonicalHeaderKey(name) != "Host" {
			return fmt.Errorf("%w: header %s: it belongs to the connection and cannot be set", ErrOptions, name)
		}
	}
	return nil
}

// The phases of a job.
const (
	PhaseReading   = "reading"
	PhaseStarting  = "starting"
	PhaseSending   = "sending"
	PhaseComparing = "comparing"
)

// Progress is where a job is. Expected is known once all is read.
type Progress struct {
	Phase    string `json:"phase" enum:"reading,starting,sending,comparing"`
	Detail   string `json:"detail,omitempty"`
	Read     int    `json:"read"`
	Expected int    `json:"expected"`
	Sent     int    `json:"sent"`
	Failed   int    `json:"failed" doc:"Sent, but not answered"`
}

// begin takes a place among the jobs.
func (e *Engine) begin() (end func(), err error) {
	select {
	case e.jobs <- struct{}{}:
		return func() { <-e.jobs }, nil
	default:
		return nil, fmt.Errorf("%w: %d at a time; wait for one, or end one", ErrBusy, maxJobs)
	}
}

func newRunID() string { return strings.ToLower(rand.Text()[:12]) }

// collection is what a selection of records gave.
type collection struct {
	sorted   *sorter
	read     int
	refused  map[string]int
	bare     int // sendable, but credentials were taken out
	warnings []string
}

// errEnough ends a visit of records early.
var errEnough = errors.New("enough")

// progressEvery is the number of records read between two reports.
const progressEvery = 1000

// collect reads the selection and puts what can be sent into order. most bounds how many records are looked at; 0 is all.
func (e *Engine) collect(ctx context.Context, c Common, answers bool, most int, tell func(Progress)) (*collection, error) {
	out := &collection{sorted: newSorter(e.Dir, sortBudget), refused: map[string]int{}}
	f, limit := c.Filter, c.Filter.Limit
	f.Limit, f.Cursor, f.OldestFirst = 0, "", limit == 0
	copies := len(f.Sources) > 0 // asked for by name
	tell(Progress{Phase: PhaseReading})
	warnings, err := e.Records.Each(ctx, f, func(x *records.Exchange) error {
		if out.read++; out.read%progressEvery == 0 {
			tell(Progress{Phase: PhaseReading, Read: out.read, Expected: out.sorted.count})
		}
		why := sendable(x, c.Methods, copies)
		if why == "" && answers {
			why = comparable(x)
		}
		if why != "" {
			out.refused[why]++
		} else {
			i := itemOf(x, answers)
			if i.Bare {
				out.bare++
			}
			if err := out.sorted.add(i); err != nil {
				return err
			}
		}
		if limit > 0 && out.sorted.count == limit || most > 0 && out.read == most {
			return errEnough
		}
		return nil
	})
	out.warnings = append([]string{}, warnings...) // never null in a document
	if err != nil && !errors.Is(err, errEnough) {
		return nil, errors.Join(fmt.Errorf("read the records to send: %w", err), out.sorted.close())
	}
	return out, nil
}
