package daemon

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"aictl/configs"
	"aictl/procs"
)

// leave hands over to another daemon: first all stops that must not be done twice, in the reverse order of its start,
// then the gateway takes no more connections, and the next daemon may go on. What this one has begun to answer it ends.
func (d *Daemon) leave(ctx context.Context, serving *stage, others ...*stage) {
	d.log.Info("another daemon takes over")
	for _, s := range others {
		s.stop()
	}
	err := d.gateway.Leave(ctx)
	if err = errors.Join(err, d.keeper.Released(ctx)); err != nil {
		d.log.Error("hand over", "err", err)
		return
	}
	answered := make(chan struct{})
	go func() { // ends with the stage, which stop waits for
		serving.wg.Wait()
		close(answered)
	}()
	select {
	case <-answered:
	case <-ctx.Done():
	}
}

// standBy waits for the daemon before this one to let go, when there is one.
func standBy(ctx context.Context, dir Layout) error {
	if !procs.StandsBy() {
		return nil
	}
	client, err := procs.Dial(ctx, dir.KeeperSocket())
	if err != nil {
		return fmt.Errorf("connect to the keeper: %w", err)
	}
	return errors.Join(client.Standby(ctx), client.Close())
}

// upgradeOnHangup upgrades the keeper to the program at its own path whenever it gets SIGHUP, until ctx ends.
func upgradeOnHangup(ctx context.Context, hangup <-chan os.Signal, k *procs.Keeper, o KeeperOptions) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
		}
		if _, err := k.Upgrade(ctx, "", 0); err != nil {
			o.Logger.Error("upgrade", "err", err)
		}
	}
}

// keep runs keepers in this process, one after the other: a keeper ends when another program takes the process over, and
// the next one goes on when that did not work. The program of a failed takeover gives the process back.
func keep(ctx context.Context, s configs.Settings, o KeeperOptions) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	handover, err := procs.InheritedHandover()
	for {
		var k *procs.Keeper
		if err == nil {
			k, err = newKeeper(s, o, handover)
		}
		if err != nil && handover != nil {
			return errors.Join(err, handover.GoBack(err), handover.Close())
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errNotBegun, err)
		}
		if handover, err = runKeeper(ctx, k, hangup, o); handover == nil {
			return err
		}
		if ctx.Err() == nil {
			signal.Ignore(syscall.SIGHUP) // the next program asks for it soon; until then it would be its end
			o.Logger.Error("upgrade", "err", handover.Exec())
			signal.Notify(hangup, syscall.SIGHUP)
		}
	}
}

func runKeeper(ctx context.Context, k *procs.Keeper, hangup <-chan os.Signal, o KeeperOptions) (*procs.Handover, error) {
	listening, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		upgradeOnHangup(listening, hangup, k, o)
	}()
	err := k.Run(ctx)
	stop()
	<-ended
	return k.Next(), err
}

// noteVersion changes the version in run/daemon.json to that of the program which has taken over.
func (l Layout) noteVersion(version string) error {
	state, err := ReadState(l.Root)
	if err != nil {
		return err
	}
	state.Version = version
	return l.writeState(state)
}

// upgradePoll is how often the CLI asks for the progress of an upgrade.
const upgradePoll = 50 * time.Millisecond

// ErrNoKeeper is wrapped when no keeper answers in a data directory.
var ErrNoKeeper = errors.New("no server runs on this data directory")

// Upgrade makes the keeper of a data directory replace itself and the daemon by the program at an absolute path ("" for the
// one it was started from), and returns when that is done or has failed (procs.ErrUpgrade, procs.ErrNotUp). patience
// is how long each step of the new program may take; 0 for the default. tried is called when the program has passed its trial.
func Upgrade(ctx context.Context, root, program string, patience time.Duration, tried func(procs.UpgradeStatus)) (procs.UpgradeStatus, error) {
	dir := Layout{root}
	client, err := procs.Dial(ctx, dir.KeeperSocket())
	if err != nil {
		return procs.UpgradeStatus{}, fmt.Errorf("%w: %w", ErrNoKeeper, err)
	}
	status, err := client.Upgrade(ctx, program, patience)
	pid := client.Hello().PID
	if err = errors.Join(err, client.Close()); err != nil {
		return status, err
	}
	tried(status)
	tick := time.NewTicker(upgradePoll)
	defer tick.Stop()
	for {
		if status, err = upgradeStatus(ctx, dir, pid); err != nil || status.State != procs.UpgradeRunning {
			return status, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return status, ctx.Err()
		}
	}
}

// upgradeStatus asks once. A connection that ends is one that the keeper has just let go of.
func upgradeStatus(ctx context.Context, dir Layout, pid int) (procs.UpgradeStatus, error) {
	running := procs.UpgradeStatus{State: procs.UpgradeRunning}
	client, err := procs.Dial(ctx, dir.KeeperSocket())
	if errors.Is(err, procs.ErrClosed) {
		return running, nil
	}
	if err != nil {
		return procs.UpgradeStatus{}, fmt.Errorf("the keeper ended in its upgrade; services go on, start it again: %w", err)
	}
	defer client.Close()
	if client.Hello().PID != pid {
		return procs.UpgradeStatus{}, fmt.Errorf("the keeper ended in its upgrade, and another one (pid %d) runs now", client.Hello().PID)
	}
	status, err := client.UpgradeStatus(ctx)
	if errors.Is(err, procs.ErrClosed) || errors.Is(err, procs.ErrHandover) {
		return running, nil
	}
	return status, err
}
