package envs

import (
	"context"
	"path/filepath"
)

// Plan tells which environment Build would return, without building it: its key, one line for people, and whether it is
// there already. A release that needs none has no key.
func (b *Builder) Plan(ctx context.Context, req Request) (key, detail string, ready bool, err error) {
	req.dry = true
	r, err := b.recipe(ctx, req)
	return r.key, r.what, r.key == "" || usable(filepath.Join(b.cfg.Root, r.key)), err
}
