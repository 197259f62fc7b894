package services

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"aictl/gateway"
	"aictl/store"
)

// ErrNoTrial is returned for a canary or a shadow that a service does not have; it wraps store.ErrNotFound.
var ErrNoTrial = fmt.Errorf("it has none: %w", store.ErrNotFound)

// CanaryWish asks for a canary, or for another weight or header of the one that runs. Nil fields keep what is, or take the
// default: 10 percent, no header.
type CanaryWish struct {
	Release     string // id or number; "" is the one that is the canary already
	Weight      *float64
	HeaderName  *string // "" takes the header away
	HeaderValue string
	Replicas    int // 0 is one
	Actor       string
}

// CanaryView is a canary as it is right now.
type CanaryView struct {
	store.Canary
	Live      string // the live release
	Instances []string
	Ready     int    // instances that get requests; with none, all go to the live release
	Reason    string // why none is ready
}

// defaultWeight is the percentage of a canary that was asked for without one.
const defaultWeight = 10

// SetCanary starts a canary and returns when its instances are healthy and get their part of the requests, or changes the part of
// the one that runs.
func (m *Manager) SetCanary(ctx context.Context, name string, w CanaryWish) (CanaryView, error) {
	svc, err := m.Store.Service(ctx, name)
	if err != nil {
		return CanaryView{}, fmt.Errorf("service %s: %w", name, err)
	}
	if has := m.canaryOf(name); has != nil {
		return m.adjustCanary(ctx, name, *has, w)
	}
	c := store.Canary{Service: name, Weight: defaultWeight, Actor: w.Actor}
	if err := w.apply(&c); err != nil {
		return CanaryView{}, fmt.Errorf("canary of %s: %w", name, err)
	}
	switch {
	case w.Release == "":
		return CanaryView{}, fmt.Errorf("canary of %s: %w; name a release with --to", name, ErrNoTrial)
	case svc.Release == "" || svc.Wanted != store.WantedRunning:
		return CanaryView{}, fmt.Errorf("canary of %s: %w: the service does not run; start it first", name, ErrNotTriable)
	}
	rel, err := m.FindRelease(ctx, name, w.Release)
	if err != nil {
		return CanaryView{}, err
	}
	if rel.ID == svc.Release {
		return CanaryView{}, fmt.Errorf("canary of %s: %w: %s is the live release", name, store.ErrConflict, rel.ID)
	}
	cand, err := m.Candidate(ctx, name, rel.ID, max(1, w.Replicas), nil)
	if err != nil {
		return CanaryView{}, err
	}
	c.Release = rel.ID
	if err := m.beginCanary(ctx, c, svc.Release, cand.rows); err != nil {
		return CanaryView{}, errors.Join(err, cand.Stop(context.WithoutCancel(ctx)))
	}
	return m.Canary(ctx, name)
}

// apply writes what is wished for into c.
func (w CanaryWish) apply(c *store.Canary) error {
	if w.Weight != nil {
		c.Weight = *w.Weight
	}
	if w.HeaderName != nil {
		c.HeaderName, c.HeaderValue = *w.HeaderName, w.HeaderValue
	}
	if !(c.Weight >= 0 && c.Weight <= 100) {
		return fmt.Errorf("a weight of %v is not between 0 and 100 percent: %w", c.Weight, ErrBadTrial)
	}
	if c.Weight == 0 && c.HeaderName == "" {
		return fmt.Errorf("with a weight of 0 and no header it would get no requests: %w", ErrBadTrial)
	}
	return nil
}

// adjustCanary changes the part that a canary gets.
func (m *Manager) adjustCanary(ctx context.Context, name string, c store.Canary, w CanaryWish) (CanaryView, error) {
	if w.Release != "" {
		rel, err := m.FindRelease(ctx, name, w.Release)
		if err != nil {
			return CanaryView{}, err
		}
		if rel.ID != c.Release {
			return CanaryView{}, fmt.Errorf("canary of %s: %w: it is %s already; end it with `aictl canary %s --stop` first", name, store.ErrConflict, c.Release, name)
		}
	}
	if n := len(m.trialIDs(name, store.PurposeCanary)); w.Replicas != 0 && w.Replicas != n {
		return CanaryView{}, fmt.Errorf("canary of %s: %w: it has %d instances; end it with `aictl canary %s --stop` first to have another number", name, store.ErrConflict, n, name)
	}
	if err := w.apply(&c); err != nil {
		return CanaryView{}, fmt.Errorf("canary of %s: %w", name, err)
	}
	if err := m.storeCanary(ctx, name, c); err != nil {
		return CanaryView{}, err
	}
	return m.Canary(ctx, name)
}

func (m *Manager) storeCanary(ctx context.Context, name string, c store.Canary) error {
	defer m.locks.lock(name)()
	if has := m.canaryOf(name); has == nil || has.Release != c.Release {
		return fmt.Errorf("canary of %s: %w: it has ended meanwhile", name, ErrNoTrial)
	}
	if err := m.Store.SetCanary(ctx, c); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entry(name).canary = &c
	m.publish(name)
	m.emit(Event{Kind: EventCanaryChanged, Service: name, Release: c.Release, Fields: canaryFields(c)})
	return nil
}

// DeployedCanary makes the healthy candidates of a deploy the service's canary.
func (m *Manager) DeployedCanary(ctx context.Context, name, release string, ids []string, weight float64, actor string) error {
	if waiting, err := m.candidates(ids, nil); err != nil || len(waiting) > 0 {
		return errors.Join(err, fmt.Errorf("%w: %s", ErrNotHealthy, strings.Join(append(waiting, ids...), ", ")))
	}
	svc, err := m.Store.Service(ctx, name)
	if err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	if has := m.canaryOf(name); has != nil {
		return fmt.Errorf("canary of %s: %w: it is %s already; end it with `aictl canary %s --stop` first", name, store.ErrConflict, has.Release, name)
	}
	rows := make([]store.Instance, len(ids))
	for k, id := range ids {
		if rows[k], err = m.Store.Instance(ctx, id); err != nil {
			return err
		}
	}
	return m.beginCanary(ctx, store.Canary{Service: name, Release: release, Weight: weight, Actor: actor}, svc.Release, rows)
}

// beginCanary makes a healthy candidate the canary.
func (m *Manager) beginCanary(ctx context.Context, c store.Canary, live string, rows []store.Instance) error {
	name := c.Service
	defer m.locks.lock(name)()
	svc, err := m.Store.Service(ctx, name)
	if err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	if svc.Release != live || m.canaryOf(name) != nil || svc.Wanted != store.WantedRunning {
		return fmt.Errorf("canary of %s: %w: the service was deployed, stopped or given a canary meanwhile", name, store.ErrConflict)
	}
	c.StartedAt = time.Now()
	if err := m.Store.SetCanary(ctx, c, slotsOf(rows)...); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.entry(name)
	s.canary, s.canaryUp = &c, true
	m.dedicate(rows, store.PurposeCanary)
	m.publish(name)
	m.emit(Event{Kind: EventCanaryStarted, Service: name, Release: c.Release, Fields: canaryFields(c)})
	return nil
}

func canaryFields(c store.Canary) map[string]string {
	fields := map[string]string{"weight": strconv.FormatFloat(c.Weight, 'f', -1, 64)}
	if c.HeaderName != "" {
		fields["header"] = c.HeaderName + ": " + c.HeaderValue
	}
	return fields
}

// Canary tells of a service's canary.
func (m *Manager) Canary(ctx context.Context, name string) (CanaryView, error) {
	if _, err := m.Store.Service(ctx, name); err != nil {
		return CanaryView{}, fmt.Errorf("service %s: %w", name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.entry(name)
	if s.canary == nil {
		return CanaryView{}, fmt.Errorf("canary of %s: %w", name, ErrNoTrial)
	}
	v := CanaryView{Canary: *s.canary, Live: s.release}
	for _, i := range s.slots {
		if i.Purpose != store.PurposeCanary {
			continue
		}
		v.Instances = append(v.Instances, i.ID)
		if s.serving() && i.up() {
			v.Ready++
		} else if v.Reason == "" {
			v.Reason = i.why()
		}
	}
	if v.Ready > 0 {
		v.Reason = ""
	}
	return v, nil
}

// StopCanary ends a service's canary: all requests go to the live release, and its instances are stopped.
func (m *Manager) StopCanary(ctx context.Context, name string) error {
	defer m.locks.lock(name)()
	if _, err := m.Store.Service(ctx, name); err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	if m.canaryOf(name) == nil {
		return fmt.Errorf("canary of %s: %w", name, ErrNoTrial)
	}
	return m.endCanary(ctx, name, "stopped")
}

// endCanary ends a canary, if there is one. Called with the service's lock held.
func (m *Manager) endCanary(ctx context.Context, name, reason string) error {
	if m.canaryOf(name) == nil {
		return nil
	}
	if err := m.Store.EndCanary(ctx, name); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	m.mu.Lock()
	s := m.entry(name)
	m.tellCanaryEnd(s, EventCanaryEnded, reason)
	rows := m.release(s, store.PurposeCanary, "")
	m.publish(name)
	m.mu.Unlock()
	return m.discardAll(ctx, rows)
}

// tellCanaryEnd forgets s's canary and says so. Called with the lock held.
func (m *Manager) tellCanaryEnd(s *service, kind EventKind, reason string) {
	if s.canary == nil {
		return
	}
	m.emit(Event{Kind: kind, Service: s.canary.Service, Release: s.canary.Release, Reason: reason})
	s.canary = nil
}

func (m *Manager) canaryOf(name string) *store.Canary {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entry(name).canary
}

// canaryRoute is the canary's part of a service's route, and tells when it has lost its last instance or has one again. Called with
// the lock held.
func (m *Manager) canaryRoute(s *service) *gateway.Canary {
	if s.canary == nil {
		return nil
	}
	c := &gateway.Canary{Release: s.canary.Release, Since: s.canary.StartedAt, Weight: s.canary.Weight, HeaderName: s.canary.HeaderName, HeaderValue: s.canary.HeaderValue}
	if !s.serving() {
		return c
	}
	reason := ""
	for _, i := range s.slots {
		switch {
		case i.Purpose != store.PurposeCanary:
		case i.up():
			c.Targets = append(c.Targets, i.route)
		case reason == "":
			reason = i.why()
		}
	}
	if up := len(c.Targets) > 0; up != s.canaryUp {
		s.canaryUp = up
		ev := Event{Kind: EventCanaryHealthy, Service: s.canary.Service, Release: s.canary.Release}
		if !up {
			ev.Kind, ev.Reason = EventCanaryUnhealthy, "all requests go to the live release: "+reason
		}
		m.emit(ev)
	}
	return c
}
