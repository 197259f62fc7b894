package services

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"aictl/gateway"
	"aictl/store"
)

// ShadowWish asks for copies of a service's requests to be sent elsewhere. To names a release of the service, by id or number, or another
// service; "" is where they go already.
type ShadowWish struct {
	To       string
	Percent  *float64 // nil keeps what is, or is all
	Replicas int      // instances of a release; 0 is one
	Actor    string
}

// ShadowView is a shadow as it is right now. One of the manifest has no StartedAt and no Actor.
type ShadowView struct {
	store.Shadow
	Manifest  bool // it stands in the live release's manifest
	Instances []string
	Ready     int // instances that get copies
}

// SetShadow begins to send copies of a service's requests, and returns when the instances that get them are healthy, or changes how many
// are sent.
func (m *Manager) SetShadow(ctx context.Context, name string, w ShadowWish) (ShadowView, error) {
	svc, err := m.Store.Service(ctx, name)
	if err != nil {
		return ShadowView{}, fmt.Errorf("service %s: %w", name, err)
	}
	v := store.Shadow{Service: name, Percent: 100, Actor: w.Actor}
	has := m.shadowOf(name)
	if has != nil {
		v = *has
	}
	if w.Percent != nil {
		v.Percent = *w.Percent
	}
	if !(v.Percent > 0 && v.Percent <= 100) {
		return ShadowView{}, fmt.Errorf("shadow of %s: %v percent is not above 0 and up to 100: %w", name, v.Percent, ErrBadTrial)
	}
	next, err := m.shadowTarget(ctx, svc, v, w.To)
	switch {
	case err != nil:
		return ShadowView{}, err
	case has != nil && (next.Target != has.Target || next.Release != has.Release):
		return ShadowView{}, fmt.Errorf("shadow of %s: %w: its copies go to %s already; end that with `aictl shadow %s --stop` first",
			name, store.ErrConflict, shadowName(*has), name)
	}
	var cand *Candidate
	if has == nil && next.Release != "" {
		if cand, err = m.Candidate(ctx, name, next.Release, max(1, w.Replicas), nil); err != nil {
			return ShadowView{}, err
		}
	}
	if err := m.beginShadow(ctx, next, cand); err != nil {
		if cand != nil {
			err = errors.Join(err, cand.Stop(context.WithoutCancel(ctx)))
		}
		return ShadowView{}, err
	}
	return m.Shadow(ctx, name)
}

// shadowTarget fills in where copies go: another service of that name, else a release.
func (m *Manager) shadowTarget(ctx context.Context, svc store.Service, v store.Shadow, to string) (store.Shadow, error) {
	if to == "" {
		if v.Target == "" {
			return v, fmt.Errorf("shadow of %s: %w; name a release or a service with --to", svc.Name, ErrNoTrial)
		}
		return v, nil
	}
	if _, err := m.Store.Service(ctx, to); err == nil && to != svc.Name {
		v.Target, v.Release = to, ""
		return v, nil
	}
	rel, err := m.FindRelease(ctx, svc.Name, to)
	if err != nil {
		return v, fmt.Errorf("there is no service %s either: %w", to, err)
	}
	v.Target, v.Release = svc.Name, rel.ID
	return v, nil
}

func shadowName(v store.Shadow) string {
	if v.Release != "" {
		return v.Release
	}
	return "service " + v.Target
}

func (m *Manager) beginShadow(ctx context.Context, v store.Shadow, cand *Candidate) error {
	name := v.Service
	defer m.locks.lock(name)()
	if has := m.shadowOf(name); cand != nil && has != nil {
		return fmt.Errorf("shadow of %s: %w: it was given one meanwhile", name, store.ErrConflict)
	}
	var rows []store.Instance
	if cand != nil {
		rows = cand.rows
	}
	fresh := v.StartedAt.IsZero()
	if fresh {
		v.StartedAt = time.Now()
	}
	if err := m.Store.SetShadow(ctx, v, slotsOf(rows)...); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entry(name).shadow = &v
	m.dedicate(rows, store.PurposeShadow)
	m.publish(name)
	ev := Event{Kind: EventShadowChanged, Service: name, Fields: map[string]string{"to": shadowName(v), "percent": strconv.FormatFloat(v.Percent, 'f', -1, 64)}}
	if fresh {
		ev.Kind = EventShadowStarted
	}
	m.emit(ev)
	return nil
}

// Shadow tells where copies of a service's requests go.
func (m *Manager) Shadow(ctx context.Context, name string) (ShadowView, error) {
	if _, err := m.Store.Service(ctx, name); err != nil {
		return ShadowView{}, fmt.Errorf("service %s: %w", name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.entry(name)
	r := s.shadowRoute()
	if r == nil {
		return ShadowView{}, fmt.Errorf("shadow of %s: %w", name, ErrNoTrial)
	}
	v := ShadowView{Manifest: s.shadow == nil, Ready: len(r.Targets)}
	v.Shadow = store.Shadow{Service: name, Target: r.Service, Percent: r.Percent}
	if s.shadow != nil {
		v.Shadow = *s.shadow
	}
	for _, i := range s.slots {
		if i.Purpose == store.PurposeShadow {
			v.Instances = append(v.Instances, i.ID)
		}
	}
	return v, nil
}

// StopShadow ends the copies; instances that were started for them are stopped. What the manifest asks for holds again.
func (m *Manager) StopShadow(ctx context.Context, name string) error {
	defer m.locks.lock(name)()
	if _, err := m.Store.Service(ctx, name); err != nil {
		return fmt.Errorf("service %s: %w", name, err)
	}
	if m.shadowOf(name) == nil {
		return fmt.Errorf("shadow of %s: %w; one of the manifest ends with a deploy without it", name, ErrNoTrial)
	}
	if err := m.Store.EndShadow(ctx, name); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	m.mu.Lock()
	s := m.entry(name)
	m.tellShadowEnd(s, "stopped")
	rows := m.release(s, store.PurposeShadow, "")
	m.publish(name)
	m.mu.Unlock()
	return m.discardAll(ctx, rows)
}

// tellShadowEnd forgets s's shadow and says so. Called with the lock held.
func (m *Manager) tellShadowEnd(s *service, reason string) {
	if s.shadow == nil {
		return
	}
	m.emit(Event{Kind: EventShadowEnded, Service: s.shadow.Service, Reason: reason, Fields: map[string]string{"to": shadowName(*s.shadow)}})
	s.shadow = nil
}

func (m *Manager) shadowOf(name string) *store.Shadow {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.entry(name).shadow
}

// takeUpShadow remembers a stored shadow after a start of the daemon. One of a release whose instances are gone has ended.
func (m *Manager) takeUpShadow(ctx context.Context, s stored, instances int) error {
	v, ok := s.trials.shadows[s.svc.Name]
	if !ok {
		return nil
	}
	if v.Release != "" && instances == 0 {
		m.log.Warn("a shadow without instances has ended", "service", v.Service, "release", v.Release)
		return m.Store.EndShadow(ctx, v.Service)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entry(v.Service).shadow = &v
	return nil
}

// shadowRoute is where the copies of a service's requests go: as asked for by hand, else by the live release's manifest. Called with the
// lock held.
func (s *service) shadowRoute() *gateway.Shadow {
	if s.shadow == nil {
		i := s.live()
		if i == nil || i.man.Gateway.Shadow.Service == "" {
			return nil
		}
		percent := i.man.Gateway.Shadow.Percent
		if percent == 0 {
			percent = 100
		}
		return &gateway.Shadow{Service: i.man.Gateway.Shadow.Service, Percent: percent}
	}
	r := &gateway.Shadow{Service: s.shadow.Target, Release: s.shadow.Release, Percent: s.shadow.Percent, Since: s.shadow.StartedAt}
	for _, i := range s.slots {
		if i.Purpose == store.PurposeShadow && s.serving() && i.up() {
			r.Targets = append(r.Targets, i.route)
		}
	}
	return r
}
