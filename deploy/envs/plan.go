package envs

import (
	"context"
	"path/filepath"

	"aictl/configs"
)

// Plan tells which environment Build would return, without building it: its key, one line for people, and whether it is
// there already. A release that needs none has no key.
func (b *Builder) Plan(ctx context.Context, req Request) (key, detail string, ready bool, err error) {
	var r recipe
	switch Runtime(req.Manifest, req.Dir) {
	case configs.RuntimePython:
		r, err = b.python(ctx, req)
	case configs.RuntimeNode:
		r, err = b.node(ctx, req)
	default:
		return "", "none needed", true, nil
	}
	return r.key, r.what, r.key == "" || usable(filepath.Join(b.cfg.Root, r.key)), err
}
