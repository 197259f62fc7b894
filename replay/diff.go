package replay

import (
	"bufio"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"sync"
	"time"

	"aictl/replay/compare"
)

// Recorded as a baseline compares with the recorded answers instead of asking for them again.
const Recorded = "recorded"

// DiffRequest asks for a comparison. Baseline and Candidate are SERVICE@RELEASE or URLs; Baseline may be Recorded.
type DiffRequest struct {
	Common
	Baseline  string
	Candidate string
	Compare   compare.Options
	MaxDiff   float64 // the share of requests that may differ, 0 to 1
	MaxSlower float64 // 0.2: the candidate may be 20 % slower; 0: latency does not count

	most int // records looked at; 0 is all
}

// Report is what a comparison found. Same is the verdict: not more differences than allowed, and not slower.
type Report struct {
	SchemaVersion int             `json:"schemaVersion" enum:"1"`
	Run           string          `json:"run"`
	Baseline      string          `json:"baseline"`
	Candidate     string          `json:"candidate"`
	StartedAt     time.Time       `json:"started_at"`
	Seconds       float64         `json:"seconds"`
	Read          int             `json:"read" doc:"Records that were selected"`
	Refused       map[string]int  `json:"refused" doc:"Records that cannot be sent again, by reason"`
	Bare          int             `json:"without_credentials" doc:"Sent without credentials that were masked when they were recorded"`
	Expected      int             `json:"expected"`
	Sent          int             `json:"sent" doc:"Recorded requests that were sent, each two or more times"`
	Unanswered    int             `json:"unanswered" doc:"Neither side answered: not compared"`
	Failures      map[string]int  `json:"failures" doc:"Answers of the candidate that did not come, by reason"`
	MaxDiff       float64         `json:"max_diff"`
	MaxSlower     float64         `json:"max_slower"`
	Same          bool            `json:"same"`
	Slower        bool            `json:"slower" doc:"Slower than max_slower allows, with 95 % confidence"`
	Result        compare.Outcome `json:"result"`
	Warnings      []string        `json:"warnings"`
}

func (r *DiffRequest) check() error {
	if err := r.Compare.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	if r.Candidate == "" || r.Baseline == "" {
		return fmt.Errorf("%w: a baseline and a candidate are needed", ErrOptions)
	}
	if r.Candidate == Recorded {
		return fmt.Errorf("%w: what was recorded can be the baseline, not the candidate", ErrOptions)
	}
	if math.IsNaN(r.MaxDiff) || r.MaxDiff < 0 || r.MaxDiff > 1 || math.IsNaN(r.MaxSlower) || r.MaxSlower < 0 {
		return fmt.Errorf("%w: max_diff %v, max_slower %v: use shares such as 0.01", ErrOptions, r.MaxDiff, r.MaxSlower)
	}
	return r.fill(compareInFlight)
}

// Diff sends what a request selects to both sides, to one of them twice, and compares the answers.
func (e *Engine) Diff(ctx context.Context, req DiffRequest, tell func(Progress)) (rep Report, err error) {
	if err := req.check(); err != nil {
		return rep, err
	}
	end, err := e.begin()
	if err != nil {
		return rep, err
	}
	defer end()
	d := differ{engine: e, req: req, tell: tell}
	if req.Baseline != Recorded {
		if d.base, err = e.open(ctx, req.Baseline, req.Force, tell); err != nil {
			return rep, fmt.Errorf("baseline: %w", err)
		}
		defer func() { err = errors.Join(err, d.base.close(ctx)) }()
	}
	if d.cand, err = e.open(ctx, req.Candidate, req.Force, tell); err != nil {
		return rep, fmt.Errorf("candidate: %w", err)
	}
	defer func() { err = errors.Join(err, d.cand.close(ctx)) }()
	return d.run(ctx)
}

// differ is one comparison.
type differ struct {
	engine     *Engine
	req        DiffRequest
	base, cand *opened // base is nil for recorded answers
	tell       func(Progress)
	send       *sender

	mu   sync.Mutex
	rep  Report
	keep *samples
	turn int
}

func (d *differ) run(ctx context.Context) (_ Report, err error) {
	col, err := d.engine.collect(ctx, d.req.Common, d.base == nil, d.req.most, d.tell)
	if err != nil {
		return Report{}, err
	}
	defer func() { err = errors.Join(err, col.sorted.close()) }()
	d.rep = Report{
		SchemaVersion: 1, Run: newRunID(), Baseline: Recorded, Candidate: d.cand.Name, StartedAt: time.Now().UTC(),
		Read: col.read, Refused: col.refused, Bare: col.bare, Expected: col.sorted.count, Failures: map[string]int{},
		MaxDiff: d.req.MaxDiff, MaxSlower: d.req.MaxSlower, Warnings: col.warnings,
	}
	if d.base != nil {
		d.rep.Baseline = d.base.Name
	}
	if d.keep, err = newSamples(d.engine.Dir); err != nil {
		return d.rep, err
	}
	defer func() { err = errors.Join(err, d.keep.close()) }()
	d.send = newSender(d.req.Concurrency, d.req.Timeout, d.req.Header, d.rep.Run)
	defer d.send.close()
	if err := d.engine.send(ctx, d.req.Common, col, d, d.tell, d.ask); err != nil {
		return d.rep, err
	}
	d.tell(Progress{Phase: PhaseComparing, Read: d.rep.Read, Expected: d.rep.Expected, Sent: d.rep.Sent})
	return d.rep, d.judge(ctx)
}

func (d *differ) judge(ctx context.Context) (err error) {
	options := d.req.Compare
	options.Masked = masked
	d.rep.Result, err = compare.Judge(options, func(visit func(*compare.Sample) error) error { return d.keep.each(ctx, visit) })
	if err != nil {
		return err
	}
	d.rep.Seconds = time.Since(d.rep.StartedAt).Seconds()
	if d.rep.Result.Compared == 0 {
		return fmt.Errorf("%w: %s", ErrNothing, d.rep.why())
	}
	if l := d.rep.Result.Latency; l != nil && d.req.MaxSlower > 0 {
		d.rep.Slower = l.P50.Low > 1+d.req.MaxSlower || l.P95.Low > 1+d.req.MaxSlower
	}
	d.rep.Same = d.rep.Result.Rate <= d.req.MaxDiff && !d.rep.Slower
	return nil
}

// why says why nothing was compared.
func (r *Report) why() string {
	switch {
	case r.Read == 0:
		return "no records match"
	case r.Expected == 0:
		return fmt.Sprintf("none of %d records can be sent again (%s)", r.Read, reasons(r.Refused))
	}
	return fmt.Sprintf("none of %d requests was answered (%s)", r.Sent, reasons(r.Failures))
}

// ask sends one request to both sides. The candidate comes first every other time, so that neither profits from what
// the other has warmed.
func (d *differ) ask(ctx context.Context, i *item) (err error) {
	s := compare.Sample{ID: i.ID}
	send := func(to *opened, into *compare.Answer) {
		if err == nil {
			*into, err = d.send.send(ctx, i, to.Target, true)
		}
	}
	if d.base == nil {
		s.Base = i.Recorded
		send(d.cand, &s.Candidate)
		send(d.cand, &s.Twice[1])
		s.Twice[0] = s.Candidate
		return errors.Join(err, d.take(err, &s))
	}
	d.mu.Lock()
	d.turn++
	candidateFirst := d.turn%2 == 0
	d.mu.Unlock()
	if candidateFirst {
		send(d.cand, &s.Candidate)
		send(d.base, &s.Base)
	} else {
		send(d.base, &s.Base)
		send(d.cand, &s.Candidate)
	}
	send(d.base, &s.Twice[1])
	s.Twice[0] = s.Base
	if err != nil {
		return err
	}
	again, err := d.req.Compare.Suspicious(&s)
	if err == nil && again {
		s.Again = &[2]compare.Answer{}
		send(d.base, &s.Again[0])
		send(d.cand, &s.Again[1])
	}
	return errors.Join(err, d.take(err, &s))
}

// take keeps a sample for the comparison.
func (d *differ) take(err error, s *compare.Sample) error {
	if err != nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rep.Sent++
	if s.Candidate.Status == 0 {
		d.rep.Failures[s.Candidate.Failure]++
	}
	if s.Candidate.Status == 0 && s.Base.Status == 0 {
		d.rep.Unanswered++
		return nil
	}
	return d.keep.add(s)
}

func (d *differ) late(time.Duration) {}

func (d *differ) progress() Progress {
	d.mu.Lock()
	defer d.mu.Unlock()
	return sending(d.rep.Read, d.rep.Expected, d.rep.Sent, d.rep.Failures)
}

// samples wait on disk until all are there: noise is learned before it is judged.
type samples struct {
	dir  string
	disk *scratch
	enc  *gob.Encoder
}

func newSamples(dir string) (*samples, error) {
	disk, err := newScratch(dir)
	if err != nil {
		return nil, err
	}
	return &samples{dir, disk, gob.NewEncoder(disk)}, nil
}

func (s *samples) add(x *compare.Sample) error {
	if err := s.enc.Encode(x); err != nil {
		return fmt.Errorf("keep answers in %s: %w", s.dir, err)
	}
	return nil
}

func (s *samples) each(ctx context.Context, visit func(*compare.Sample) error) error {
	if err := s.disk.flush(); err != nil {
		return fmt.Errorf("keep answers in %s: %w", s.dir, err)
	}
	dec := gob.NewDecoder(bufio.NewReaderSize(io.NewSectionReader(s.disk.file, 0, s.disk.size), 256<<10))
	for {
		var x compare.Sample
		err := dec.Decode(&x)
		if errors.Is(err, io.EOF) {
			return context.Cause(ctx)
		}
		if err == nil {
			err = context.Cause(ctx)
		}
		if err == nil {
			err = visit(&x)
		}
		if err != nil {
			return err
		}
	}
}

func (s *samples) close() error { return s.disk.close() }

// reasons lists counts by name.
func reasons(m map[string]int) string {
	var out []string
	for _, name := range sortedKeys(m) {
		out = append(out, fmt.Sprintf("%s %d", name, m[name]))
	}
	if len(out) == 0 {
		return "no reason is known"
	}
	return strings.Join(out, ", ")
}
