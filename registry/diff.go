package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"aictl/registry/contract"
	"aictl/store"
)

// Diff is what changed for callers between two versions.
type Diff struct {
	Service  string
	From, To Version
	Report   contract.Report
}

// Diff compares two versions of a service whose releases are kept. to "" is the live one, from "" the one that was live before it.
// Versions are named by their release ("r12-1a2b3c4d"), its number ("r12", "12"), or by at least 7 digits of a commit.
func (r *Registry) Diff(ctx context.Context, service, from, to string) (Diff, error) {
	svc, err := r.store.Service(ctx, service)
	if err != nil {
		return Diff{}, err
	}
	lines, err := r.store.AlgorithmVersions(ctx, service, "", 0)
	if err != nil {
		return Diff{}, err
	}
	b, err := pick(lines, service, to, svc.Release)
	if err != nil {
		return Diff{}, err
	}
	before := svc.Previous
	if b.Release != svc.Release || before == "" {
		before = previous(lines, b.Release)
	}
	a, err := pick(lines, service, from, before)
	if err != nil {
		return Diff{}, err
	}
	old, err := r.Documents(ctx, service, a.Release)
	if err != nil {
		return Diff{}, err
	}
	next, err := r.Documents(ctx, service, b.Release)
	if err != nil {
		return Diff{}, err
	}
	report, err := compare(old, next)
	return Diff{Service: service, From: r.version(a, svc.Release), To: r.version(b, svc.Release), Report: report}, err
}

// Documents returns what a release answered when it was deployed. None is ErrNoInterface and store.ErrNotFound.
func (r *Registry) Documents(ctx context.Context, service, release string) (store.Snapshot, error) {
	line, err := r.find(ctx, service, release)
	if err != nil {
		return store.Snapshot{}, err
	}
	snap, err := r.store.Snapshot(ctx, service, line.Release)
	if !errors.Is(err, store.ErrNotFound) {
		return snap, err
	}
	why := "it was deployed without being asked: by an aictl before this one, or with `interface: off`"
	if !line.Kept {
		why = "the release was removed, and its interface with it; deploy.keep_releases says how many are kept"
	}
	return snap, fmt.Errorf("%w: %w of release %s of %s: %s", store.ErrNotFound, ErrNoInterface, line.Release, service, why)
}

func (r *Registry) find(ctx context.Context, service, release string) (store.AlgorithmVersion, error) {
	svc, err := r.store.Service(ctx, service)
	if err != nil {
		return store.AlgorithmVersion{}, err
	}
	lines, err := r.store.AlgorithmVersions(ctx, service, "", 0)
	if err != nil {
		return store.AlgorithmVersion{}, err
	}
	return pick(lines, service, release, svc.Release)
}

// pick finds a version by what people call it; "" is the one given.
func pick(lines []store.AlgorithmVersion, service, asked, otherwise string) (store.AlgorithmVersion, error) {
	name := asked
	if name == "" {
		name = otherwise
	}
	if name == "" {
		return store.AlgorithmVersion{}, fmt.Errorf("%w: %s has no two versions to compare; deploy it first, or name two of `aictl algorithms show %s`", store.ErrNotFound, service, service)
	}
	number := "r" + strings.TrimPrefix(name, "r") + "-"
	for _, v := range lines {
		if v.Release == name || strings.HasPrefix(v.Release, number) {
			return v, nil
		}
	}
	for _, v := range lines { // newest first
		if len(name) >= 7 && strings.HasPrefix(v.Commit, strings.ToLower(name)) {
			return v, nil
		}
	}
	return store.AlgorithmVersion{}, fmt.Errorf("%w: %s has no version %q; `aictl algorithms show %s` lists them", store.ErrNotFound, service, name, service)
}

// previous is the version that was live before a release, of those older than it.
func previous(lines []store.AlgorithmVersion, release string) string {
	seen := false
	for _, v := range lines { // newest first
		if seen && !v.LiveAt.IsZero() {
			return v.Release
		}
		seen = seen || v.Release == release
	}
	return ""
}

// compare compares two snapshots.
func compare(old, next store.Snapshot) (contract.Report, error) {
	var report contract.Report
	switch {
	case old.OpenAPI == nil:
	case next.OpenAPI == nil:
		report.Changes = []contract.Change{{Level: contract.Breaks, Kind: contract.NotDescribed, Text: "the interface is not described any more: " + openAPIPath + " was there, and is not"}}
	default:
		a, err := contract.Parse(old.OpenAPI)
		if err != nil {
			return report, fmt.Errorf("the OpenAPI document of release %s: %w", old.Release, err)
		}
		b, err := contract.Parse(next.OpenAPI)
		if err != nil {
			return report, fmt.Errorf("the OpenAPI document of release %s: %w", next.Release, err)
		}
		report = contract.Compare(a, b)
	}
	report.Changes = append(report.Changes, contract.CompareInfo(old.Info, next.Info)...)
	if report.Changes == nil {
		report.Changes = []contract.Change{}
	}
	return report, nil
}
