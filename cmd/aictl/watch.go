package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"aictl/api"
)

// watchStatus shows the status again whenever it changes. A daemon that is away for a moment ends nothing.
func (a *app) watchStatus(ctx context.Context, patterns []string, every time.Duration) error {
	frame := &frame{screen: a.out}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for first := true; ; first = false {
		services, err := a.fetchStatus(ctx, patterns)
		switch {
		case ctx.Err() != nil:
			return exitWith(exitInterrupted)
		case err != nil && (first || !errors.Is(err, api.ErrUnreachable)):
			return err
		case err != nil:
			if err := frame.draw(a.t("the daemon does not answer; trying again") + "\n"); err != nil {
				return err
			}
		default:
			if err := a.drawStatus(frame, services); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return exitWith(exitInterrupted)
		case <-tick.C:
		}
	}
}

func (a *app) drawStatus(f *frame, services []api.Service) error {
	var b strings.Builder
	if a.machine() {
		if err := writeLine(&b, statusDocument(services)); err != nil {
			return err
		}
		return f.append(b.String())
	}
	s := a.out
	s.Writer = &b
	if len(services) == 0 {
		fmt.Fprintln(&b, a.t("no services yet; deploy one with `aictl deploy SOURCE`"))
	} else if err := a.statusTable(services).render(s, a.wide()); err != nil {
		return err
	}
	return f.draw(b.String())
}
