// Package health probes instances over HTTP and turns probe results into verdicts.
package health

import (
	"fmt"
	"time"
)

// Policy is how one instance is probed. Failures counts consecutive bad probes after which a once healthy instance
// is unhealthy; StartPeriod is how long a starting one may fail before it is.
type Policy struct {
	Path        string
	Interval    time.Duration
	Timeout     time.Duration
	StartPeriod time.Duration
	Failures    int
}

// Verdict is what is believed of an instance.
type Verdict string

// The verdicts. Starting means no good probe yet and still within the start period.
const (
	Starting  Verdict = "starting"
	Healthy   Verdict = "healthy"
	Unhealthy Verdict = "unhealthy"
)

// Result is the outcome of one probe. Detail says what was wrong, or is empty.
type Result struct {
	OK     bool
	Detail string
	Took   time.Duration
}

// tracker is the memory a judgement needs.
type tracker struct {
	since   time.Time // when the process was first probed
	verdict Verdict
	bad     int    // consecutive bad probes
	reason  string // of the last bad one
}

// judge folds one probe result into t.
func judge(t tracker, p Policy, now time.Time, r Result) tracker {
	if r.OK {
		t.verdict, t.bad, t.reason = Healthy, 0, ""
		return t
	}
	t.bad++
	t.reason = r.Detail
	switch t.verdict {
	case Starting:
		if now.Sub(t.since) >= p.StartPeriod {
			t.verdict = Unhealthy
			t.reason = fmt.Sprintf("not healthy within its start period of %s: %s", p.StartPeriod, r.Detail)
		}
	case Healthy:
		if t.bad >= max(p.Failures, 1) {
			t.verdict = Unhealthy
			t.reason = fmt.Sprintf("%d health checks in a row failed: %s", t.bad, r.Detail)
		}
	}
	return t
}

// slowestStart is the longest pause between two probes of a starting instance.
const slowestStart = 250 * time.Millisecond

// pause is the time from the end of a probe to the next one. A starting instance is probed often, so that a
// deploy does not wait for a whole interval: from 20 ms growing by an eighth up to 250 ms or the interval, which adds
// about a ninth, at most, to the time that the instance took by itself.
func pause(t tracker, p Policy) time.Duration {
	if t.verdict == Healthy || t.verdict == Unhealthy {
		if t.bad > 0 { // confirm or clear a doubt sooner
			return max(p.Interval/2, 50*time.Millisecond)
		}
		return p.Interval
	}
	d := 20 * time.Millisecond
	for i := 0; i < t.bad && d < slowestStart; i++ {
		d += d / 8
	}
	return min(d, slowestStart, p.Interval)
}
