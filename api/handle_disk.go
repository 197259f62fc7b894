package api

import (
	"context"
	"errors"
	"net/http"

	"aictl/disk"
)

// Upkeep is the disk below the data directory.
type Upkeep interface {
	Usage(ctx context.Context) (disk.Usage, error)
	Plan(ctx context.Context) (disk.Plan, error)  // removes nothing
	Prune(ctx context.Context) (disk.Plan, error) // removes what Plan says
}

// noUpkeep is what a server without a data directory has.
type noUpkeep struct{}

var errNoUpkeep = errors.New("this daemon looks after no disk")

func (noUpkeep) Usage(context.Context) (disk.Usage, error) { return disk.Usage{}, errNoUpkeep }
func (noUpkeep) Plan(context.Context) (disk.Plan, error)   { return disk.Plan{}, errNoUpkeep }
func (noUpkeep) Prune(context.Context) (disk.Plan, error)  { return disk.Plan{}, errNoUpkeep }

func (s *Server) diskRoutes(tag string) {
	get(s, "/disk", tag, "disk", "What the data directory and each service take of the disk; it looks at every file", s.disk)
	post(s, "/prune", tag, "prune", "Remove what nobody needs any more, or say what that is", http.StatusOK, s.prune)
}

type pruneInput struct{ Body PruneRequest }

func (s *Server) disk(ctx context.Context, _ *struct{}) (DiskUsage, error) {
	u, err := s.deps.Upkeep.Usage(ctx)
	return DiskUsage{
		SchemaVersion: SchemaVersion, DataDir: u.Root, Free: u.Space.Free, Total: u.Space.Total, Used: u.Bytes,
		Folders: each(u.Folders, func(f disk.Folder) DiskFolder { return DiskFolder(f) }),
		Services: each(u.Services, func(v disk.Service) DiskService {
			return DiskService{
				Service: v.Name, Releases: v.Releases, ReleaseBytes: v.ReleaseBytes, Environments: v.Environments, Own: v.Own, Common: v.Common,
				LogBytes: v.LogBytes, Bytes: v.Bytes(),
			}
		}),
	}, err
}

// prune goes on when its caller leaves: half a clean-up is one, too, but nobody would know what it did.
func (s *Server) prune(ctx context.Context, in *pruneInput) (PruneResult, error) {
	do := s.deps.Upkeep.Plan
	if !in.Body.DryRun {
		do = s.deps.Upkeep.Prune
		ctx = context.WithoutCancel(ctx)
		s.log.Info("clean-up asked for", "actor", actor(ctx))
	}
	plan, err := do(ctx)
	return PruneResult{SchemaVersion: SchemaVersion, DryRun: in.Body.DryRun, Bytes: plan.Bytes, Items: each(plan.Items, renderPruned)}, err
}

func renderPruned(i disk.Item) PruneItem {
	out := PruneItem{Kind: i.Kind, Service: i.Service, Name: i.Name, Paths: len(i.Paths), Bytes: i.Bytes, Removed: i.Removed, Kept: i.Kept}
	if len(i.Paths) > 0 {
		out.Path = i.Paths[0]
	}
	return out
}
