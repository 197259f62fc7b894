package ports

import "context"

// SetRange has ports given out of r from now on. Owners keep those they have until they ask again.
func (a *Allocator) SetRange(ctx context.Context, r Range) error {
	if err := r.Validate(); err != nil {
		return err
	}
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	a.ports = r
	return nil
}
