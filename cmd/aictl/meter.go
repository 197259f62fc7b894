package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// meter counts what passes and, on a terminal, shows how much and how fast.
type meter struct {
	bytes atomic.Int64
	items atomic.Int64 // 0 when they are not counted
	quit  chan struct{}
	once  sync.Once
	wait  sync.WaitGroup
}

// meter begins to show; stop it.
func (a *app) meter(what string) *meter {
	m := &meter{quit: make(chan struct{})}
	if !a.err.tty {
		return m
	}
	began := time.Now()
	m.wait.Go(func() {
		tick := time.NewTicker(2 * spinnerStep)
		defer tick.Stop()
		shown := false
		for {
			select {
			case <-m.quit:
				if shown {
					fmt.Fprint(a.err, "\r\x1b[K")
				}
				return
			case <-tick.C:
				shown = true
				fmt.Fprintf(a.err, "\r%s %s\x1b[K", what, a.err.paint(dim, m.line(a, time.Since(began))))
			}
		}
	})
	return m
}

func (m *meter) line(a *app, since time.Duration) string {
	bytes, items, seconds := m.bytes.Load(), m.items.Load(), max(since.Seconds(), 0.001)
	text := fmt.Sprintf("%s, %s/s", humanSize(bytes), humanSize(int64(float64(bytes)/seconds)))
	if items > 0 {
		text += ", " + a.t("%d records, %d/s", items, int64(float64(items)/seconds))
	}
	return text
}

// Write counts.
func (m *meter) Write(p []byte) (int, error) {
	m.bytes.Add(int64(len(p)))
	return len(p), nil
}

// stop takes the line away; it may be called more than once.
func (m *meter) stop() {
	m.once.Do(func() { close(m.quit) })
	m.wait.Wait()
}
