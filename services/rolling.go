package services

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"aictl/store"
)

// ErrNothingLive is returned for candidates that are to serve beside live instances when there are none that serve.
var ErrNothingLive = errors.New("nothing is live that they could serve beside")

// Join gives healthy candidates of a release part in the requests of the live instances, beside them, until Switch makes the release
// live or Retire takes them away. It outlives the daemon: the next one's deployer finds them by their purpose.
func (m *Manager) Join(ctx context.Context, name string, ids []string) error {
	defer m.locks.lock(name)()
	if waiting, err := m.candidates(ids, nil); err != nil {
		return err
	} else if len(waiting) > 0 {
		return fmt.Errorf("%w: %s", ErrNotHealthy, strings.Join(waiting, ", "))
	}
	rows := m.candidateRows(name, ids)
	if len(rows) == 0 {
		return nil // they serve as a canary already
	}
	m.mu.Lock()
	serving := m.entry(name).serving()
	m.mu.Unlock()
	if !serving || len(m.liveIDs(name)) == 0 {
		return fmt.Errorf("%s: %w: it was stopped or removed meanwhile", name, ErrNothingLive)
	}
	if err := m.Store.SetPurpose(ctx, name, store.PurposeRolling, slotsOf(rows)...); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dedicate(rows, store.PurposeRolling)
	m.publish(name)
	return nil
}

// candidateRows are those of some instances that serve nobody yet.
func (m *Manager) candidateRows(name string, ids []string) (rows []store.Instance) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, i := range m.entry(name).slots {
		if slices.Contains(ids, i.ID) && !i.Live && i.Purpose == store.PurposeNone {
			rows = append(rows, i.Instance)
		}
	}
	return rows
}

// Live are the ids of a service's live instances, by slot.
func (m *Manager) Live(_ context.Context, name string) ([]string, error) { return m.liveIDs(name), nil }

// Refill brings the live release back to n instances and returns when they are healthy: what a deploy that replaced some of them and
// failed had taken away. Of a service that is not wanted it only makes the slots.
func (m *Manager) Refill(ctx context.Context, name string, n int) error {
	if err := m.refill(ctx, name, n); err != nil {
		return fmt.Errorf("put %s back to %d instances: %w", name, n, err)
	}
	svc, err := m.Store.Service(ctx, name)
	if err != nil || svc.Wanted != store.WantedRunning {
		return err
	}
	return m.up(ctx, name)
}

func (m *Manager) refill(ctx context.Context, name string, n int) error {
	defer m.locks.lock(name)()
	svc, rel, err := m.loadLive(ctx, name)
	if err != nil {
		return err
	}
	if missing := n - len(m.liveIDs(name)); missing > 0 {
		return m.grow(ctx, svc, rel, missing)
	}
	return nil
}
