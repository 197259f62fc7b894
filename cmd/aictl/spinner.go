package main

import (
	"fmt"
	"sync"
	"time"
)

var spinnerMarks = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

const spinnerStep = 100 * time.Millisecond

// spinner turns on stderr while something takes its time. It shows nothing for the first moments, so that what is
// quick stays quiet, and nothing at all where nobody looks.
type spinner struct {
	quit chan struct{}
	once sync.Once
	wait sync.WaitGroup
}

func (a *app) spin(text string) *spinner {
	s := &spinner{quit: make(chan struct{})}
	if !a.err.tty {
		return s
	}
	s.wait.Go(func() {
		tick := time.NewTicker(spinnerStep)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-s.quit:
				if n > 2 {
					fmt.Fprint(a.err, "\r\x1b[K")
				}
				return
			case <-tick.C:
				if n >= 2 {
					line := clip(printable(text), max(a.err.width-12, 10))
					fmt.Fprintf(a.err, "\r%s %s %s\x1b[K", a.err.paint(cyan, spinnerMarks[n%len(spinnerMarks)]), line,
						a.err.paint(dim, latency(time.Duration(n)*spinnerStep)))
				}
			}
		}
	})
	return s
}

// stop takes the spinner away; it may be called more than once.
func (s *spinner) stop() {
	s.once.Do(func() { close(s.quit) })
	s.wait.Wait()
}
