package daemon

import (
	"path/filepath"

	"aictl/deploy"
	"aictl/gitea"
)

// LFS is the store of Git LFS objects.
func (l Layout) LFS() string { return filepath.Join(l.Root, "lfs") }

// newMirrors opens the mirrors of repositories with the store of LFS objects. The git program carries the mark of deploys, so
// that what a killed daemon left of it is ended before the next one fetches.
func (d *Daemon) newMirrors() *gitea.Mirrors {
	mirrors := gitea.NewMirrors(d.dir.Repos(), d.log)
	mirrors.SetProgram("git", deploy.Mark(d.dir.Releases()))
	d.lfs = mirrors.SetLFS(d.dir.LFS())
	return mirrors
}
