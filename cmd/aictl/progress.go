package main

import (
	"fmt"
	"strings"
	"time"

	"aictl/api"
)

// progress is what is known of a running deploy: its steps in order and its last output.
type progress struct {
	steps []api.Step
	lines []string // last lines of output, newest last
	end   *api.Deploy
}

const keptLines = 12

// apply takes one event in. A stream that was resumed repeats steps: each keeps its place.
func (p *progress) apply(ev api.DeployEvent) {
	switch {
	case ev.Step != nil:
		p.setStep(*ev.Step)
	case ev.Type == api.EventLog:
		p.lines = append(p.lines, printable(ev.Line))
		if len(p.lines) > keptLines {
			p.lines = p.lines[len(p.lines)-keptLines:]
		}
	case ev.Type == api.EventEnd:
		p.end = ev.Deploy
	}
}

func (p *progress) setStep(step api.Step) {
	for i := range p.steps {
		if p.steps[i].Seq == step.Seq {
			p.steps[i] = step
			return
		}
	}
	p.steps = append(p.steps, step)
	if step.State == "running" {
		p.lines = nil // the last output belongs to the step before
	}
}

// stepTime is how long a step has taken so far.
func stepTime(s api.Step, now time.Time) time.Duration {
	switch {
	case s.StartedAt.IsZero():
		return 0
	case s.FinishedAt.IsZero():
		return now.Sub(s.StartedAt)
	}
	return s.FinishedAt.Sub(s.StartedAt)
}

// live draws the steps for a terminal: a mark, the name, the time, the detail, and below a running step its last
// line of output. tick turns the spinner.
func (a *app) live(p *progress, now time.Time, tick int) string {
	var b strings.Builder
	for _, s := range p.steps {
		mark, st := "✓", green
		switch s.State {
		case "running":
			mark, st = spinnerMarks[tick%len(spinnerMarks)], cyan
		case "failed":
			mark, st = "✗", red
		case "skipped":
			mark, st = "–", dim
		}
		name := a.t(s.Name)
		pad := strings.Repeat(" ", max(0, 12-columns(name)))
		took := ""
		if s.State != "skipped" {
			took = latency(stepTime(s, now))
		}
		room := 0
		if a.err.width > 0 {
			room = max(a.err.width-25, 10)
		}
		fmt.Fprintf(&b, "%s %s%s %s %s\n", a.err.paint(st, mark), name, pad, a.err.paint(dim, fmt.Sprintf("%8s", took)),
			clip(printable(s.Detail), room))
		if s.State == "running" && len(p.lines) > 0 {
			if text := strings.TrimSpace(p.lines[len(p.lines)-1]); text != "" {
				fmt.Fprintf(&b, "  %s\n", a.err.paint(dim, clip("│ "+text, max(a.err.width-2, 0))))
			}
		}
	}
	return b.String()
}

// stepLine is a finished step as one plain line.
func (a *app) stepLine(s api.Step, now time.Time) string {
	line := a.t(s.Name) + ": " + a.t(s.State)
	if s.State != "skipped" {
		line += " (" + latency(stepTime(s, now)) + ")"
	}
	if s.Detail != "" {
		line += " " + printable(s.Detail)
	}
	return line
}
