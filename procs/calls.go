package procs

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Result is what came of one instance of a call about many: its Status, or Err.
type Result struct {
	ID     string
	Status Status
	Err    error
}

// Apply brings a spec to the keeper. It is idempotent; see ApplyOptions for what follows.
func (c *Client) Apply(ctx context.Context, spec Spec, opt ApplyOptions) (Status, error) {
	return one(c.ApplyAll(ctx, []Spec{spec}, opt))
}

// ApplyAll applies many specs at the same time, one Result each in their order.
func (c *Client) ApplyAll(ctx context.Context, specs []Spec, opt ApplyOptions) ([]Result, error) {
	if c.old(specs) {
		return c.applyToOld(ctx, specs, opt)
	}
	var all []Result
	for _, batch := range batches(specs) {
		results, err := c.many(ctx, verbApply, applyRequest{Specs: batch, Options: opt})
		if err != nil {
			return all, err
		}
		all = append(all, results...)
	}
	return all, nil
}

// batches cuts specs so that each part fits into a frame.
func batches(specs []Spec) [][]Spec {
	const room = maxFrame / 2
	var cut [][]Spec
	begin, size := 0, 0
	for n := range specs {
		data, err := json.Marshal(specs[n])
		if err != nil {
			continue // many reports it
		}
		if size += len(data); size > room && n > begin {
			cut = append(cut, specs[begin:n])
			begin, size = n, len(data)
		}
	}
	return append(cut, specs[begin:])
}

// Start starts an instance; its earlier failures are forgotten. It returns once the process is spawned or could not be.
func (c *Client) Start(ctx context.Context, id string) (Status, error) {
	return one(c.StartAll(ctx, []string{id}))
}

// StartWait is Start that also waits for the end of an old process that has to end first.
func (c *Client) StartWait(ctx context.Context, id string) (Status, error) {
	return one(c.many(ctx, verbStart, idsRequest{IDs: []string{id}, Wait: true}))
}

// StartAll starts many at the same time.
func (c *Client) StartAll(ctx context.Context, ids []string) ([]Result, error) {
	return c.many(ctx, verbStart, idsRequest{IDs: ids})
}

// Stop begins to stop an instance and does not wait.
func (c *Client) Stop(ctx context.Context, id string) (Status, error) {
	return one(c.StopAll(ctx, []string{id}, false))
}

// StopWait stops an instance and returns when nothing of its process tree is left.
func (c *Client) StopWait(ctx context.Context, id string) (Status, error) {
	return one(c.StopAll(ctx, []string{id}, true))
}

// StopAll stops many at the same time.
func (c *Client) StopAll(ctx context.Context, ids []string, wait bool) ([]Result, error) {
	return c.many(ctx, verbStop, idsRequest{IDs: ids, Wait: wait})
}

// Restart gives an instance a new process by wish. It does not wait for it.
func (c *Client) Restart(ctx context.Context, id, reason string) (Status, error) {
	return one(c.many(ctx, verbRestart, idsRequest{IDs: []string{id}, Reason: reason}))
}

// RestartWait is Restart that returns when the new process is spawned or could not be.
func (c *Client) RestartWait(ctx context.Context, id, reason string) (Status, error) {
	return one(c.RestartAll(ctx, []string{id}, reason, true))
}

// RestartAll restarts many at the same time.
func (c *Client) RestartAll(ctx context.Context, ids []string, reason string, wait bool) ([]Result, error) {
	return c.many(ctx, verbRestart, idsRequest{IDs: ids, Reason: reason, Wait: wait})
}

// RestartUnhealthy ends an instance that is unhealthy and lets the restart policy decide what follows: it counts as a
// failure. Under the policy never the instance is left as it is.
func (c *Client) RestartUnhealthy(ctx context.Context, id, reason string) (Status, error) {
	return one(c.many(ctx, verbRestart, idsRequest{IDs: []string{id}, Reason: reason, Unhealthy: true}))
}

// Remove stops an instance and forgets it. It returns when nothing of it is left.
func (c *Client) Remove(ctx context.Context, id string) error {
	_, err := one(c.RemoveAll(ctx, []string{id}))
	return err
}

// RemoveAll removes many at the same time.
func (c *Client) RemoveAll(ctx context.Context, ids []string) ([]Result, error) {
	return c.many(ctx, verbRemove, idsRequest{IDs: ids})
}

// Signal sends a signal (its name, with or without SIG) to the leader of an instance.
func (c *Client) Signal(ctx context.Context, id, signal string) error {
	return c.call(ctx, verbSignal, signalRequest{ID: id, Signal: signal}, nil)
}

// SignalGroup sends a signal to the whole process group of an instance.
func (c *Client) SignalGroup(ctx context.Context, id, signal string) error {
	return c.call(ctx, verbSignal, signalRequest{ID: id, Signal: signal, Group: true}, nil)
}

// Verdict tells the keeper whether a process is healthy. ErrStale when it runs no more.
func (c *Client) Verdict(ctx context.Context, v Verdict) error {
	return c.call(ctx, verbVerdict, v, nil)
}

// List lists all instances, sorted by id.
func (c *Client) List(ctx context.Context) ([]Status, error) {
	var all []Status
	for after := ""; ; after = all[len(all)-1].ID {
		var page listAnswer
		if err := c.call(ctx, verbList, listRequest{After: after}, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Statuses...)
		if !page.More {
			return all, nil
		}
	}
}

// Version asks the keeper about itself.
func (c *Client) Version(ctx context.Context) (Hello, error) {
	var hello Hello
	return hello, c.call(ctx, verbVersion, nil, &hello)
}

// Ready tells the keeper that this process, its daemon, serves. A keeper of before version 2 is not told: it does not ask.
func (c *Client) Ready(ctx context.Context) error {
	if c.hello.Protocol < since[verbReady] {
		return nil
	}
	return c.call(ctx, verbReady, nil, nil)
}

// Standby waits, in a daemon that was started beside another one, until it may go on. ErrInvalidRequest for anybody else.
func (c *Client) Standby(ctx context.Context) error { return c.call(ctx, verbStandby, nil, nil) }

// Released tells the keeper that this process, an old daemon, has let go of all that its successor needs.
func (c *Client) Released(ctx context.Context) error { return c.call(ctx, verbReleased, nil, nil) }

// Upgrade begins to replace keeper and daemon; see Keeper.Upgrade. The connection ends on the way: dial again, and ask for
// the UpgradeStatus. A keeper of before version 3 cannot: ErrVersion.
func (c *Client) Upgrade(ctx context.Context, program string, patience time.Duration) (UpgradeStatus, error) {
	var status UpgradeStatus
	if c.hello.Protocol < since[verbUpgrade] {
		return status, fmt.Errorf("%w for upgrades: this keeper (%s) is too old; stop and start it once", ErrVersion, c.hello.Version)
	}
	err := c.call(ctx, verbUpgrade, upgradeRequest{Program: program, Patience: patience}, &status)
	return status, err
}

// UpgradeStatus is what came of the keeper's last upgrade.
func (c *Client) UpgradeStatus(ctx context.Context) (UpgradeStatus, error) {
	var status UpgradeStatus
	err := c.call(ctx, verbUpgradeStatus, nil, &status)
	return status, err
}

// Shutdown makes the keeper stop the daemon and everything else, as a SIGTERM would. It does not wait: see Done.
func (c *Client) Shutdown(ctx context.Context) error {
	return c.call(ctx, verbShutdown, nil, nil)
}

func (c *Client) many(ctx context.Context, verb string, body any) ([]Result, error) {
	var raw []result
	if err := c.call(ctx, verb, body, &raw); err != nil {
		return nil, err
	}
	results := make([]Result, 0, len(raw))
	for _, r := range raw {
		answer := Result{ID: r.ID}
		if r.Error != nil {
			answer.Err = r.Error
		} else if r.Status != nil {
			answer.Status = *r.Status
		}
		results = append(results, answer)
	}
	return results, nil
}

func one(results []Result, err error) (Status, error) {
	if err != nil {
		return Status{}, err
	}
	if len(results) != 1 {
		return Status{}, fmt.Errorf("the keeper answered about %d instances instead of one", len(results))
	}
	return results[0].Status, results[0].Err
}
