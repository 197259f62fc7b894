package replay

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Pace is when requests are sent: at Scale times the original pace, at PerSecond, or, when both are 0, as fast as
// answers come.
type Pace struct {
	Scale     float64
	PerSecond float64
}

// maxRate bounds PerSecond; faster is "max".
const maxRate = 1e6

// ParsePace reads "1x", "0.5x", "200/s" or "max"; "" is "1x".
func ParsePace(s string) (Pace, error) {
	if s == "max" {
		return Pace{}, nil
	}
	if s == "" {
		s = "1x"
	}
	scale, isScale := strings.CutSuffix(s, "x")
	rate, isRate := strings.CutSuffix(s, "/s")
	text, p := scale, Pace{}
	if isRate {
		text = rate
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(n) || n <= 0 || n > maxRate || !isScale && !isRate || n < 1e-6 {
		return p, fmt.Errorf("speed %q: use 1x (the original pace), 2x, 0.5x, 100/s, or max", s)
	}
	if isRate {
		p.PerSecond = n
	} else {
		p.Scale = n
	}
	return p, nil
}

func (p Pace) String() string {
	switch {
	case p.Scale > 0:
		return strconv.FormatFloat(p.Scale, 'g', -1, 64) + "x"
	case p.PerSecond > 0:
		return strconv.FormatFloat(p.PerSecond, 'g', -1, 64) + "/s"
	}
	return "max"
}

// due is when the n-th request (from 0), recorded so long after the first, is to be sent, counted from the start; paced
// is false when that is at once.
func (p Pace) due(n int, after time.Duration) (at time.Duration, paced bool) {
	switch {
	case p.Scale > 0:
		return time.Duration(float64(after) / p.Scale), true
	case p.PerSecond > 0:
		return time.Duration(float64(n) / p.PerSecond * float64(time.Second)), true
	}
	return 0, false
}

// waitUntil returns at a time, or with the cause of ctx's end.
func waitUntil(ctx context.Context, at time.Time) error {
	left := time.Until(at)
	if left <= 0 {
		return context.Cause(ctx)
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
