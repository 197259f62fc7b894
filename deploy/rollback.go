package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"aictl/store"
)

// TriggerPromote is the trigger of a rollback that makes a canary live: it leads forward, and pauses nothing.
const TriggerPromote = "promote"

// RollbackRequest asks for a kept release to be live again.
type RollbackRequest struct {
	Service string
	To      string // a release's id or number (r12, 12), or its commit: all of its SHA, or no fewer than 7 digits; "" is the one before
	Actor   string
	Trigger string
	Reason  string
	Origin  string
}

// Rollback queues the return to a kept release, which needs no network. From then on pushes do not deploy the service by themselves,
// until somebody resumes that: else they would undo it.
func (d *Deployer) Rollback(ctx context.Context, req RollbackRequest) (store.Deploy, error) {
	svc, err := d.Store.Service(ctx, req.Service)
	if err != nil {
		return store.Deploy{}, err
	}
	rel, err := d.target(ctx, svc, req.To)
	if err != nil {
		return store.Deploy{}, fmt.Errorf("roll back %s: %w", req.Service, err)
	}
	if id, ok := d.promoteNow(req.Service, rel.ID); ok {
		return d.Store.Deploy(ctx, id)
	}
	if _, err := os.Stat(rel.Dir); errors.Is(err, fs.ErrNotExist) {
		return store.Deploy{}, fmt.Errorf("roll back %s: %w: %w: the folder of %s is gone; deploy commit %s again", req.Service, ErrNoSuchRelease, store.ErrNotFound, rel.ID, rel.Commit)
	}
	if d.Pause != nil && req.Trigger != TriggerPromote {
		if err := d.Pause(ctx, req.Service, "rolled back to "+rel.ID, req.Actor); err != nil {
			return store.Deploy{}, fmt.Errorf("roll back %s: pause its automatic deploys: %w", req.Service, err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	row := store.Deploy{
		Service: req.Service, Kind: KindRollback, Source: svc.Source, Commit: rel.Commit, Release: rel.ID,
		Actor: req.Actor, Trigger: req.Trigger, Reason: req.Reason, Origin: req.Origin,
	}
	return d.enqueue(ctx, row, wishes{Named: true})
}

// target finds the release that a rollback is to return to.
func (d *Deployer) target(ctx context.Context, svc store.Service, to string) (store.Release, error) {
	if to == "" {
		to = svc.Previous
	}
	if to == "" {
		return store.Release{}, fmt.Errorf("%w: %w: nothing was live before", ErrNoSuchRelease, store.ErrNotFound)
	}
	kept, err := d.Store.Releases(ctx, svc.Name, "", 0)
	if err != nil {
		return store.Release{}, err
	}
	rel, err := pickRelease(kept, to)
	if err == nil && rel.ID == svc.Release {
		err = fmt.Errorf("%w: %s is live already", store.ErrConflict, rel.ID)
	}
	return rel, err
}

// leastSHA is how many digits of a commit name it.
const leastSHA = 7

// pickRelease finds the release that a word names: by its id, its number, or its commit, of which the newest counts.
func pickRelease(kept []store.Release, word string) (store.Release, error) {
	word = strings.ToLower(word)
	by := func(names func(store.Release) bool) (store.Release, bool) {
		if k := slices.IndexFunc(kept, names); k >= 0 { // newest first
			return kept[k], true
		}
		return store.Release{}, false
	}
	if rel, ok := by(func(r store.Release) bool { return r.ID == word }); ok {
		return rel, nil
	}
	if _, err := strconv.ParseUint(strings.TrimPrefix(word, "r"), 10, 62); err == nil {
		if rel, ok := by(func(r store.Release) bool {
			return strings.HasPrefix(r.ID, "r"+strings.TrimPrefix(word, "r")+"-")
		}); ok {
			return rel, nil
		}
	}
	if len(word) >= leastSHA {
		if rel, ok := by(func(r store.Release) bool { return strings.HasPrefix(r.Commit, word) }); ok {
			return rel, oneCommit(kept, word)
		}
	}
	return store.Release{}, fmt.Errorf("%w: %w: %q is none of those that are kept%s", ErrNoSuchRelease, store.ErrNotFound, word, shownReleases(kept))
}

// oneCommit refuses the beginning of a SHA that several commits have.
func oneCommit(kept []store.Release, word string) error {
	commits := map[string]bool{}
	for _, r := range kept {
		if strings.HasPrefix(r.Commit, word) {
			commits[r.Commit] = true
		}
	}
	if len(commits) > 1 {
		return fmt.Errorf("%w: %d commits begin with %s: give all of the SHA", store.ErrConflict, len(commits), word)
	}
	return nil
}

func shownReleases(kept []store.Release) string {
	if len(kept) == 0 {
		return ""
	}
	ids := make([]string, 0, len(kept))
	for _, r := range kept {
		ids = append(ids, r.ID)
	}
	const most = 10
	if len(ids) > most {
		ids = append(ids[:most], "…")
	}
	return " (" + strings.Join(ids, ", ") + "); deploy its commit again"
}
