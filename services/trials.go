package services

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"aictl/procs"
	"aictl/store"
)

// ErrBadTrial is returned for a canary or a shadow that was asked for with values that make no sense.
var ErrBadTrial = errors.New("it cannot be set up so")

// trials are the canaries and shadows of the store, by service.
type trials struct {
	canaries map[string]store.Canary
	shadows  map[string]store.Shadow
}

func (m *Manager) storedTrials(ctx context.Context) (t trials, err error) {
	t = trials{map[string]store.Canary{}, map[string]store.Shadow{}}
	canaries, err := m.Store.Canaries(ctx)
	if err != nil {
		return t, err
	}
	shadows, err := m.Store.Shadows(ctx)
	for _, c := range canaries {
		t.canaries[c.Service] = c
	}
	for _, s := range shadows {
		t.shadows[s.Service] = s
	}
	return t, err
}

// keeps reports whether an instance is of a canary or a shadow that goes on.
func (t trials) keeps(row store.Instance) bool {
	switch row.Purpose {
	case store.PurposeCanary:
		return t.canaries[row.Service].Release == row.Release
	case store.PurposeShadow:
		return t.shadows[row.Service].Release == row.Release
	case store.PurposeRolling:
		return true // they serve in place of live ones until the deployer has put those back
	}
	return false
}

// takeUpTrials puts the instances of a service's canary and shadow under watch. One that has no instances left has ended.
func (m *Manager) takeUpTrials(ctx context.Context, s stored) error {
	name := s.svc.Name
	of := map[store.Purpose][]store.Instance{}
	for _, row := range s.rows {
		if !row.Live && s.trials.keeps(row) {
			of[row.Purpose] = append(of[row.Purpose], row)
		}
	}
	for purpose, rows := range of {
		rel, err := m.Store.Release(ctx, name, rows[0].Release)
		if err != nil {
			return fmt.Errorf("read the release of the %s of %s: %w", purpose, name, err)
		}
		if _, err := m.enlist(s.svc, rel, rows); err != nil {
			return err
		}
	}
	if c, ok := s.trials.canaries[name]; ok && len(of[store.PurposeCanary]) > 0 {
		m.mu.Lock()
		m.entry(name).canary, m.entry(name).canaryUp = &c, true
		m.mu.Unlock()
	} else if ok {
		m.log.Warn("a canary without instances has ended", "service", name, "release", c.Release)
		if err := m.Store.EndCanary(ctx, name); err != nil {
			return err
		}
	}
	return m.takeUpShadow(ctx, s, len(of[store.PurposeShadow]))
}

// dedicate says what instances are for. Called with the lock held.
func (m *Manager) dedicate(rows []store.Instance, p store.Purpose) {
	for _, row := range rows {
		if i, ok := m.instances[row.ID]; ok {
			i.Purpose = p
		}
	}
}

// release takes the purpose from instances of s and returns them; release "" is any. Called with the lock held.
func (m *Manager) release(s *service, p store.Purpose, release string) (rows []store.Instance) {
	for _, i := range s.slots {
		if i.Purpose == p && (release == "" || i.Instance.Release == release) {
			i.Purpose = store.PurposeNone
			rows = append(rows, i.Instance)
		}
	}
	return rows
}

// trialIDs are a service's instances with one of some purposes.
func (m *Manager) trialIDs(name string, purposes ...store.Purpose) []string {
	return ofTrials(m, name, purposes, func(i *instance) string { return i.ID })
}

// lasting are the purposes of instances that outlive the daemon.
var lasting = []store.Purpose{store.PurposeCanary, store.PurposeShadow, store.PurposeRolling}

// trialRows are the instances of a service's canary and shadow, as they are stored.
func (m *Manager) trialRows(name string) []store.Instance {
	return ofTrials(m, name, lasting, func(i *instance) store.Instance { return i.Instance })
}

// ofTrials picks something of each instance of a service with one of some purposes, by slot.
func ofTrials[T any](m *Manager, name string, purposes []store.Purpose, pick func(*instance) T) (picked []T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, i := range m.entry(name).slots {
		if slices.Contains(purposes, i.Purpose) {
			picked = append(picked, pick(i))
		}
	}
	return picked
}

// runIDs are the instances that a service that is wanted runs: the live ones, its canary's and its shadow's.
func (m *Manager) runIDs(name string) []string {
	return append(m.liveIDs(name), m.trialIDs(name, lasting...)...)
}

// trialSpecs are what the keeper is to run for a service's canary and shadow.
func (m *Manager) trialSpecs(name string) []procs.Spec {
	return ofTrials(m, name, lasting, func(i *instance) procs.Spec { return i.spec })
}

// adoptable are up to n instances of a release that get requests without being live, and can become so as they are. Called with the service's
// lock held.
func (m *Manager) adoptable(name, release string, n int) (rows []store.Instance) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, i := range m.entry(name).slots {
		partly := i.Purpose == store.PurposeCanary || i.Purpose == store.PurposeRolling
		if len(rows) < n && partly && i.Instance.Release == release && i.up() && i.failed(0) == "" {
			rows = append(rows, i.Instance)
		}
	}
	return rows
}

// endTrials ends in memory what a new live release makes pointless, as the store does, and returns the instances that nobody needs any
// more. Called with the lock held.
func (m *Manager) endTrials(s *service, live string) []store.Instance {
	if s.canary != nil && s.canary.Release == live {
		m.tellCanaryEnd(s, EventCanaryPromoted, "it is the live release now")
	} else {
		m.tellCanaryEnd(s, EventCanaryEnded, live+" became live")
	}
	old := append(m.release(s, store.PurposeCanary, ""), m.release(s, store.PurposeRolling, "")...)
	if s.shadow != nil && s.shadow.Target == s.shadow.Service && s.shadow.Release == live {
		m.tellShadowEnd(s, "it is the live release now")
	}
	return append(old, m.release(s, store.PurposeShadow, live)...)
}

func slotsOf(rows []store.Instance) []int {
	slots := make([]int, len(rows))
	for k, row := range rows {
		slots[k] = row.Slot
	}
	return slots
}
