package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"aictl/configs"
	"aictl/procs"
	"aictl/store"
	"aictl/store/records"
)

// ErrRefused is wrapped by errors of a daemon that would not start the next time either.
var ErrRefused = errors.New("daemon refuses to start")

// WorkerOptions is what the daemon process says of itself.
type WorkerOptions struct {
	Version string
	Commit  string
	Logger  *slog.Logger
	Relog   func(configs.LogSettings) // makes Logger follow changed settings; may be nil
}

// RunWorker is the daemon process, a child of the keeper that inherits its listeners. It returns after ctx has ended and
// everything is written. An error that matches ErrRefused calls for the exit code ExitRefused.
func RunWorker(ctx context.Context, s configs.Settings, o WorkerOptions) error {
	leave := make(chan os.Signal, 1)
	signal.Notify(leave, syscall.SIGUSR2)
	defer signal.Stop(leave)
	listeners, err := procs.InheritedListeners()
	if err != nil {
		return err
	}
	if len(listeners) == 0 {
		return fmt.Errorf("%w: it has to be started by `aictl daemon`, not by hand", ErrRefused)
	}
	if err := standBy(ctx, Layout{s.DataDir}); err != nil {
		return err
	}
	d, err := New(ctx, Config{Settings: s, Listeners: listeners, Version: o.Version, Commit: o.Commit, Logger: o.Logger, Relog: o.Relog, Leave: leave})
	if hopeless(err) {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if err != nil {
		return err
	}
	return d.Run(ctx)
}

// hopeless tells what another attempt cannot mend.
func hopeless(err error) bool {
	for _, kind := range []error{store.ErrNewerSchema, store.ErrSealed, store.ErrPermission, store.ErrReadOnly, store.ErrCorrupt, store.ErrKey} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// sweepEvery is how often old day files are looked for.
const sweepEvery = time.Hour

// retain removes records that are older than the retention or take too much space: now, every hour, and when the settings
// give other limits.
func (d *Daemon) retain(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		limits := d.settings.current().Recorder
		d.sweep(ctx, time.Duration(limits.Retention), int64(limits.MaxBytes))
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-d.sweepNow:
		}
	}
}

// sweep removes day files older than keep, then the oldest ones until all together take no more than most bytes; 0 keeps all.
func (d *Daemon) sweep(ctx context.Context, keep time.Duration, most int64) {
	if keep > 0 {
		swept, err := d.archive.Sweep(ctx, time.Now().Add(-keep))
		d.tellSwept(ctx, "age", swept, err)
	}
	if most > 0 {
		swept, err := d.archive.SweepBytes(ctx, most)
		d.tellSwept(ctx, "size", swept, err)
	}
}

func (d *Daemon) tellSwept(ctx context.Context, limit string, swept records.Swept, err error) {
	switch {
	case err != nil && ctx.Err() == nil:
		d.log.Error("remove old records", "limit", limit, "err", err)
	case len(swept.Days) > 0:
		d.log.Info("removed old records", "limit", limit, "days", swept.Days, "bytes", swept.Bytes)
	}
}
