package deploy

import (
	"strings"
	"testing"
	"time"

	"aictl/store"
)

func TestLogThatGrowsTooLongKeepsItsEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	row := r.submit(Request{Source: store.Source{Kind: SourceGit, URL: "file:///x"}})
	l, err := openLog(r.deps.Dirs.Logs, row.ID, r.hub, time.Now)
	must(t, err)
	l.hide("hunter2", "")
	line := strings.Repeat("x", 64<<10)
	for range maxLog/len(line) + lateLines + 10 {
		l.line(StepEnvironment, line)
	}
	l.line(StepEnvironment, "failed: the password hunter2\nis wrong")
	must(t, l.close())
	got, err := r.Tail(t.Context(), row.ID, 2)
	if err != nil || strings.Join(got, ";") != "environment | failed: the password ***;environment | is wrong" {
		t.Errorf("%q, %v", got, err)
	}
	if none, err := r.Tail(t.Context(), row.ID+1, 5); err == nil {
		t.Errorf("the log of no deploy: %q", none)
	}
}

func TestSlowSubscriberLosesLinesNotStates(t *testing.T) {
	t.Parallel()
	h := newHub()
	h.open(1)
	for range 3 * replayed {
		h.publish(Event{Deploy: 1, Line: "early"})
	}
	events, stop := h.subscribe(1)
	_, gone := h.subscribe(1)
	gone()
	for range 2 * subscriberSize {
		h.publish(Event{Deploy: 1, Line: "late"})
	}
	h.publish(Event{Deploy: 1, State: "live"})
	h.close(1)
	stop()
	lines, last := 0, Event{}
	for last = range events {
		lines++
	}
	if last.State != "live" || lines != linesUpTo+1 {
		t.Errorf("%d events, the last %+v", lines, last)
	}
	after, stop := h.subscribe(1)
	stop()
	if _, ok := <-after; ok {
		t.Error("a deploy that has ended has events")
	}
}
