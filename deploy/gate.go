package deploy

import (
	"context"
	"errors"
	"fmt"

	"aictl/store"
)

// ErrNoGate is returned for a deploy that asks for a verification that this daemon does not offer.
var ErrNoGate = errors.New("deploys cannot be verified here")

// Verify is what a deploy asks the gate for: recorded requests are sent to the candidate and the answers compared. It is kept
// with the deploy until that has ended.
type Verify struct {
	Replay     int     `json:"replay"`      // the last so many recorded requests
	MaxChanged float64 `json:"max_changed"` // the share of answers that may differ, 0 to 1
}

// GateInput is a healthy candidate that is not live yet, and what is asked about it. Progress shows a line while the gate
// works, Log adds one to the deploy's log, Warn a warning to the deploy; none of them is nil.
type GateInput struct {
	Deploy   int64
	Service  string
	Release  string
	Live     string           // the release that is live, "" without
	Started  []store.Instance // the candidate's instances, with their ports
	Verify   Verify
	Progress func(string)
	Log      func(string)
	Warn     func(string)
}

// verify asks the gate.
func (r *runner) verify(ctx context.Context) (string, error) {
	if r.Gate == nil {
		return "", ErrNoGate // a daemon before this one had one
	}
	if len(r.started) == 0 {
		return "no replica is wanted", nil
	}
	svc, err := r.Store.Service(ctx, r.dep.Service)
	if err != nil {
		return "", err
	}
	detail, err := r.Gate(ctx, GateInput{
		Deploy: r.dep.ID, Service: svc.Name, Release: r.release.ID, Live: svc.Release, Started: r.started, Verify: *r.want.Verify,
		Progress: r.progress(ctx), Log: r.buildLine, Warn: func(text string) { r.warn(ctx, text) },
	})
	if err != nil {
		return detail, fmt.Errorf("the candidate was not let through: %w", err)
	}
	return detail, nil
}
