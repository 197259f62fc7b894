package deploy

import (
	"context"
	"errors"
	"fmt"

	"aictl/configs"
	"aictl/store"
)

// ErrNoGate is returned for a deploy that asks for a verification that this daemon does not offer.
var ErrNoGate = errors.New("deploys cannot be verified here")

// Verify is what a deploy asks of the gate beyond, or instead of, what the manifest says under verify: recorded requests
// are sent to the candidate and the answers compared. Nil and empty fields leave the manifest's.
type Verify struct {
	Replay  *int     `json:"replay,omitempty"`   // the last so many recorded requests; 0 verifies nothing
	MaxDiff *float64 `json:"max_diff,omitempty"` // the share of answers that may differ, 0 to 1
	Live    *bool    `json:"live,omitempty"`
	Path    string   `json:"path,omitempty"`
	Methods []string `json:"methods,omitempty"`
}

// over is what a manifest says with what v says instead.
func (v *Verify) over(m configs.Verify) configs.Verify {
	if v == nil {
		return m
	}
	if v.Replay != nil {
		m.Replay = *v.Replay
	}
	if v.MaxDiff != nil {
		m.MaxDiff = configs.Share(*v.MaxDiff)
	}
	if v.Live != nil {
		m.Live = *v.Live
	}
	if v.Path != "" {
		m.Path = v.Path
	}
	if len(v.Methods) > 0 {
		m.Methods = v.Methods
	}
	return m
}

// check refuses what can be known to be wrong.
func (v *Verify) check() error {
	switch {
	case v == nil:
	case v.Replay != nil && *v.Replay < 0:
		return fmt.Errorf("%w: verify with %d recorded requests", ErrSource, *v.Replay)
	case v.MaxDiff != nil && !(*v.MaxDiff >= 0 && *v.MaxDiff <= 1):
		return fmt.Errorf("%w: verify: %v is not a share from 0 to 1", ErrSource, *v.MaxDiff)
	}
	return nil
}

// verification is what this deploy is verified with. A rollback is not held up by what the manifest says.
func (r *runner) verification() configs.Verify {
	if r.dep.Kind == KindRollback || r.Gate == nil && r.want.Verify == nil {
		return configs.Verify{}
	}
	return r.want.Verify.over(r.manifest.Verify)
}

// GateInput is a healthy candidate that is not live yet, and what is asked about it. Progress shows a line while the gate
// works, Log adds one to the deploy's log, Warn a warning to the deploy; none of them is nil.
type GateInput struct {
	Deploy   int64
	Service  string
	Release  string
	Live     string           // the release that is live, "" without
	Started  []store.Instance // the candidate's instances, with their ports
	Verify   configs.Verify
	Alone    bool // the live release was stopped to make room
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
		Deploy: r.dep.ID, Service: svc.Name, Release: r.release.ID, Live: svc.Release, Started: r.started, Verify: r.verification(),
		Alone:    r.manifest.Strategy == configs.Recreate,
		Progress: r.progress(ctx), Log: r.buildLine, Warn: func(text string) { r.warn(ctx, text) },
	})
	if err != nil {
		return detail, fmt.Errorf("the candidate was not let through: %w", err)
	}
	return detail, nil
}
