package main

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"aictl/gitea/upload"
)

// bar shows on stderr how far an upload is: one line that is drawn anew on a terminal, a line for each commit elsewhere.
type bar struct {
	a     *app
	now   atomic.Pointer[upload.Progress]
	quit  chan struct{}
	once  sync.Once
	wait  sync.WaitGroup
	stage int // that was last said
}

func (a *app) bar() *bar {
	b := &bar{a: a, quit: make(chan struct{})}
	if !a.err.tty {
		return b
	}
	b.wait.Go(b.draw)
	return b
}

// update is told how far it is.
func (b *bar) update(p upload.Progress) {
	b.now.Store(&p)
	if b.a.err.tty || p.Phase != upload.PhasePush || p.Stage == b.stage {
		return
	}
	b.stage = p.Stage
	b.a.say("%s", b.a.t("commit %d of %d: %s of %s", p.Stage, p.Stages, humanSize(p.Done), humanSize(p.All)))
}

func (b *bar) draw() {
	tick := time.NewTicker(2 * spinnerStep)
	defer tick.Stop()
	began, phase, shown := time.Now(), "", false
	for {
		select {
		case <-b.quit:
			if shown {
				fmt.Fprint(b.a.err, "\r\x1b[K")
			}
			return
		case at := <-tick.C:
			p := b.now.Load()
			if p == nil {
				continue
			}
			if reading := p.Phase == upload.PhaseRead; phase == "" || reading != (phase == upload.PhaseRead) {
				began = at // reading and sending have a speed each
			}
			phase, shown = p.Phase, true
			fmt.Fprintf(b.a.err, "\r%s\x1b[K", clip(b.a.barLine(*p, at.Sub(began)), b.a.err.width))
		}
	}
}

// barLine is a progress as one line: what is done, how much of it, how fast, how long it still takes.
func (a *app) barLine(p upload.Progress, since time.Duration) string {
	const width = 24
	share := 0.0
	if p.All > 0 {
		share = min(max(float64(p.Done)/float64(p.All), 0), 1)
	}
	full := int(share * width)
	what := map[string]string{
		upload.PhaseRead: a.t("reading"), upload.PhaseObject: a.t("sending large files"), upload.PhaseCommit: a.t("committing"), upload.PhasePush: a.t("pushing"),
	}[p.Phase]
	text := a.err.paint(cyan, strings.Repeat("█", full)) + a.err.paint(dim, strings.Repeat("░", width-full)) +
		fmt.Sprintf(" %3.0f%% %s/%s", share*100, humanSize(p.Done), humanSize(p.All))
	if since > time.Second && p.Done > 0 {
		speed := float64(p.Done) / since.Seconds()
		text += fmt.Sprintf(" %s/s", humanSize(int64(speed)))
		if left := float64(p.All-p.Done) / speed; left >= 1 {
			text += " " + a.t("%s left", shortDuration(time.Duration(left)*time.Second))
		}
	}
	if what != "" {
		text += " " + what
	}
	if p.Stages > 1 && p.Stage > 0 {
		text += fmt.Sprintf(" (%d/%d)", p.Stage, p.Stages)
	}
	return text
}

// stop takes the line away; it may be called more than once.
func (b *bar) stop() {
	b.once.Do(func() { close(b.quit) })
	b.wait.Wait()
}
