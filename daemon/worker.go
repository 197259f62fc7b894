package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"aictl/configs"
	"aictl/procs"
	"aictl/store"
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
