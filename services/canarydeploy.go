package services

import (
	"context"
	"fmt"
)

// WeighCanary gives a service's canary of that release another percentage of the requests.
func (m *Manager) WeighCanary(ctx context.Context, name, release string, weight float64, actor string) error {
	has := m.canaryOf(name)
	if has == nil || has.Release != release {
		return fmt.Errorf("canary of %s: %w: it has ended meanwhile", name, ErrNoTrial)
	}
	_, err := m.adjustCanary(ctx, name, *has, CanaryWish{Weight: &weight, Actor: actor})
	return err
}

// EndCanary ends a service's canary when it is of that release; reason is what its event says. Without such a canary it does nothing.
func (m *Manager) EndCanary(ctx context.Context, name, release, reason string) error {
	defer m.locks.lock(name)()
	if c := m.canaryOf(name); c == nil || c.Release != release {
		return nil
	}
	return m.endCanary(ctx, name, reason)
}
