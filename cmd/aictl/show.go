package main

import (
	"sync"
	"time"

	"aictl/api"
)

// show puts a waiter's progress on stderr: redrawn in place on a terminal, a line per finished step elsewhere.
type show struct {
	w     *waiter
	mu    sync.Mutex // of w.seen and the frame
	frame frame
	tick  int
	quit  chan struct{}
	wait  sync.WaitGroup
}

func (w *waiter) startShow() *show {
	s := &show{w: w, frame: frame{screen: w.app.err}, quit: make(chan struct{})}
	if w.app.err.tty && !w.quiet {
		s.wait.Go(s.turn)
	}
	return s
}

// turn redraws so that the spinner and the times move while nothing happens.
func (s *show) turn() {
	tick := time.NewTicker(spinnerStep)
	defer tick.Stop()
	for {
		select {
		case <-s.quit:
			return
		case <-tick.C:
			s.mu.Lock()
			s.tick++
			s.draw()
			s.mu.Unlock()
		}
	}
}

func (s *show) event(ev api.DeployEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.w.seen.apply(ev)
	a := s.w.app
	switch {
	case s.w.quiet:
	case a.err.tty:
		s.draw()
	case ev.Step != nil && ev.Step.State != "running" && s.w.said[ev.Step.Seq] != ev.Step.State:
		s.w.said[ev.Step.Seq] = ev.Step.State
		a.say("%s", a.stepLine(*ev.Step, a.now()))
	}
}

// draw shows the frame; a terminal that is gone is no reason to stop following.
func (s *show) draw() {
	a := s.w.app
	if err := s.frame.draw(a.live(&s.w.seen, a.now(), s.tick)); err != nil {
		a.err.tty = false
	}
}

func (s *show) stop() {
	close(s.quit)
	s.wait.Wait()
}
