package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"aictl/deploy"
	"aictl/store"
)

func TestStreamsArriveLineByLine(t *testing.T) {
	b := newBackend()
	next := make(chan string)
	b.logs = func(ctx context.Context, _ LogSelection, fn func(LogLine) error) error {
		for {
			select {
			case text := <-next:
				if err := fn(LogLine{Text: text}); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	s := serve(t, b)
	texts := []string{"one", "two", "three"}
	push := func(i int) {
		go func() { next <- texts[i] }()
	}
	push(0)
	n := 0
	for line, err := range s.tcp.Logs(t.Context(), LogsQuery{Services: []string{"ocr"}, Follow: true}) {
		if err != nil || line.Text != texts[n] {
			t.Fatalf("got %q %v, want %q", line.Text, err, texts[n])
		}
		if n++; n == len(texts) {
			break // leaving ends the stream at the server: Serve's end in the clean-up waits for it
		}
		push(n)
	}
	if n != len(texts) {
		t.Fatalf("only %d lines came", n)
	}
}

func TestStreamsThatFail(t *testing.T) {
	b := newBackend()
	b.logs = func(_ context.Context, _ LogSelection, fn func(LogLine) error) error {
		return errors.Join(fn(LogLine{Text: "one"}), fmt.Errorf("file: %w", store.ErrNotFound))
	}
	s := serve(t, b)
	var got []string
	for line, err := range s.unix.Logs(t.Context(), LogsQuery{Services: []string{"ocr"}}) {
		var p *Error
		if errors.As(err, &p) {
			got = append(got, p.Code)
		} else {
			got = append(got, line.Text)
		}
	}
	if strings.Join(got, " ") != "one "+CodeNotFound {
		t.Errorf("got %q", got)
	}
}

func TestDeployEvents(t *testing.T) {
	b := newBackend()
	s := serve(t, b)
	later := testNow.Add(time.Second)
	b.events <- deploy.Event{Deploy: 2, Step: "start", Seq: 2, State: "running", At: testNow}
	b.events <- deploy.Event{Deploy: 2, Step: "start", Line: "spawned", At: testNow}
	b.events <- deploy.Event{Deploy: 2, Step: "start", Seq: 2, State: "done", Detail: "8001", At: later}
	var got []string
	for ev, err := range s.unix.DeployEvents(t.Context(), 2) {
		if err != nil {
			t.Fatal(err)
		}
		switch ev.Type {
		case EventStep:
			got = append(got, ev.Step.Name+" "+ev.Step.State)
			if ev.Step.Name == "start" && ev.Step.State == "done" {
				if !ev.Step.StartedAt.Equal(testNow) || !ev.Step.FinishedAt.Equal(later) || ev.Step.Detail != "8001" {
					t.Errorf("step %+v", ev.Step)
				}
				b.setState(2, store.DeployLive)
				b.events <- deploy.Event{Deploy: 2, State: "live"}
			}
		case EventLog:
			got = append(got, "log "+ev.Name+" "+ev.Line)
		case EventEnd:
			got = append(got, "end "+ev.Deploy.State)
		}
	}
	want := "fetch done, start running, log start spawned, start done, end live"
	if strings.Join(got, ", ") != want {
		t.Errorf("got %q", got)
	}
	if !b.called("unsubscribe") {
		t.Error("the subscription was left")
	}
}

func TestDeployEventsOverlap(t *testing.T) {
	b := newBackend()
	s := serve(t, b)
	b.events <- deploy.Event{Deploy: 2, Step: "fetch", Seq: 1, State: "running", At: testNow}
	b.events <- deploy.Event{Deploy: 2, Step: "fetch", Line: "receiving", At: testNow}
	b.events <- deploy.Event{Deploy: 2, Step: "fetch", Seq: 1, State: "done", At: testNow}
	b.setState(2, store.DeployFailed)
	var got []string
	for ev, err := range s.unix.DeployEvents(t.Context(), 2) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ev.Type+" "+ev.Line)
	}
	if strings.Join(got, ", ") != "step , log receiving, end " {
		t.Errorf("got %q", got)
	}
}

func TestDeployEventsOfASlowReader(t *testing.T) {
	b := newBackend()
	s := serve(t, b)
	close(b.events)
	var last error
	for _, err := range s.unix.DeployEvents(t.Context(), 2) {
		last = err
	}
	var p *Error
	if !errors.As(last, &p) || p.Code != CodeUnavailable {
		t.Errorf("got %v", last)
	}
}
