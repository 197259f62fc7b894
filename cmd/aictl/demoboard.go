package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"aictl/api"
)

// deployBoard shows several deploys at once, a line each.
type deployBoard struct {
	app   *app
	mu    sync.Mutex
	frame frame
	lines []boardLine
	tick  int
}

type boardLine struct {
	name string
	seen progress
}

// start turns the spinners on a terminal; the function it returns stops them.
func (b *deployBoard) start() (stop func()) {
	if !b.app.err.tty {
		return func() {}
	}
	quit := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		tick := time.NewTicker(spinnerStep)
		defer tick.Stop()
		for {
			select {
			case <-quit:
				return
			case <-tick.C:
				b.mu.Lock()
				b.tick++
				b.draw()
				b.mu.Unlock()
			}
		}
	})
	return func() {
		close(quit)
		wait.Wait()
	}
}

func (b *deployBoard) event(i int, ev api.DeployEvent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lines[i].seen.apply(ev)
	if b.app.err.tty {
		b.draw()
		return
	}
	if ev.Step != nil && ev.Step.State != "running" {
		b.app.say("%s  %s", b.lines[i].name, b.app.stepLine(*ev.Step, b.app.now()))
	}
}

// draw shows each deploy's present step; a terminal that is gone is no reason to stop.
func (b *deployBoard) draw() {
	a := b.app
	var text strings.Builder
	for _, line := range b.lines {
		mark, what := a.err.paint(cyan, spinnerMarks[b.tick%len(spinnerMarks)]), a.t("queued")
		if n := len(line.seen.steps); n > 0 {
			step := line.seen.steps[n-1]
			what = a.t(step.Name) + "  " + a.err.paint(dim, latency(stepTime(step, a.now())))
		}
		if end := line.seen.end; end != nil {
			mark = a.err.paint(green, "✓")
			if end.State != "live" {
				mark = a.err.paint(red, "✗")
			}
			what = a.t(end.State) + "  " + a.err.paint(dim, latency(time.Duration(end.DurationSeconds*float64(time.Second))))
		}
		fmt.Fprintf(&text, "%s %-14s %s\n", mark, line.name, what)
	}
	if err := b.frame.draw(text.String()); err != nil {
		a.err.tty = false
	}
}

// demoCall sends a sample its own input through the gateway and shows both.
func (a *app) demoCall(ctx context.Context, client *api.Client, s demoSample) error {
	name, content, kind, err := s.input()
	if err != nil {
		return err
	}
	doc, err := client.Service(ctx, s.name)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, doc.Service.URL+"/predict", bytes.NewReader(content))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", kind)
	started := a.now()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("call %s: %w", s.name, err)
	}
	answer, err := io.ReadAll(io.LimitReader(res.Body, most))
	if closeErr := res.Body.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("read the answer of %s: %w", s.name, err)
	}
	if res.StatusCode != http.StatusOK {
		return a.errorf("%s answered %s: %s", s.name, res.Status, problemDetail(answer))
	}
	a.heading(a.t("%s, asked with %s, answered in %s", s.name, name, latency(a.now().Sub(started))))
	width := a.out.width
	if width == 0 {
		width = 120
	}
	if kind == "application/json" {
		fmt.Fprintf(a.out, "  → %s\n", clip(oneLine(content), width-4))
	}
	_, err = fmt.Fprintf(a.out, "  ← %s\n", clip(oneLine(answer), 3*(width-4)))
	return err
}

// oneLine is JSON without its line breaks.
func oneLine(content []byte) string {
	var b bytes.Buffer
	if json.Compact(&b, content) == nil {
		content = b.Bytes()
	}
	return printable(strings.ToValidUTF8(string(content), "?"))
}
