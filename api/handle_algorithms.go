package api

import (
	"context"
	"fmt"

	"aictl/registry"
	"aictl/registry/contract"
	"aictl/store"
)

// Algorithms is the registry; *registry.Registry is one.
type Algorithms interface {
	List(ctx context.Context, f registry.Filter) ([]registry.Algorithm, error)
	Show(ctx context.Context, service string, n int) (registry.Detail, error)
	Documents(ctx context.Context, service, release string) (store.Snapshot, error)
	Diff(ctx context.Context, service, from, to string) (registry.Diff, error)
}

// noAlgorithms is what a server without a registry has.
type noAlgorithms struct{}

func (noAlgorithms) List(context.Context, registry.Filter) ([]registry.Algorithm, error) {
	return nil, nil
}

func (noAlgorithms) Show(_ context.Context, service string, _ int) (registry.Detail, error) {
	return registry.Detail{}, fmt.Errorf("algorithm %s: %w", service, store.ErrNotFound)
}

func (noAlgorithms) Documents(_ context.Context, service, _ string) (store.Snapshot, error) {
	return store.Snapshot{}, fmt.Errorf("algorithm %s: %w", service, store.ErrNotFound)
}

func (noAlgorithms) Diff(_ context.Context, service, _, _ string) (registry.Diff, error) {
	return registry.Diff{}, fmt.Errorf("algorithm %s: %w", service, store.ErrNotFound)
}

func (s *Server) algorithmRoutes(tag string) {
	get(s, "/algorithms", tag, "listAlgorithms", "The algorithms of this server: what their manifests say of them, and the version that serves", s.listAlgorithms)
	get(s, "/algorithms/{name}", tag, "getAlgorithm", "One algorithm with its versions, what each changed for callers, and what can be asked of the live one", s.getAlgorithm)
	get(s, "/algorithms/{name}/interface", tag, "getInterface", "What a version answered to /info and /openapi.json when it was deployed", s.getInterface)
	get(s, "/algorithms/{name}/diff", tag, "diffAlgorithm", "What changed for callers between two versions whose releases are kept", s.diffAlgorithm)
}

type algorithmsInput struct {
	Task  string `query:"task" maxLength:"200" doc:"Of one task"`
	Owner string `query:"owner" maxLength:"200" doc:"Of one owner"`
	Tag   string `query:"tag" maxLength:"100" doc:"With this tag"`
	Text  string `query:"text" maxLength:"200" doc:"That is part of its name, title, task, owner or a tag"`
}

type algorithmInput struct {
	Name  string `path:"name" maxLength:"100" doc:"Service name"`
	Limit int    `query:"limit" minimum:"0" maximum:"1000" default:"20" doc:"At most so many versions; 0 is all"`
}

type interfaceInput struct {
	Name    string `path:"name" maxLength:"100" doc:"Service name"`
	Release string `query:"release" maxLength:"100" doc:"A release, its number, or a commit; empty is the live one"`
}

type algorithmDiffInput struct {
	Name string `path:"name" maxLength:"100" doc:"Service name"`
	From string `query:"from" maxLength:"100" doc:"A release, its number, or a commit; empty is the one that was live before"`
	To   string `query:"to" maxLength:"100" doc:"Likewise; empty is the live one"`
}

func (s *Server) listAlgorithms(ctx context.Context, in *algorithmsInput) (AlgorithmList, error) {
	all, err := s.deps.Algorithms.List(ctx, registry.Filter{Task: in.Task, Owner: in.Owner, Tag: in.Tag, Text: in.Text})
	return AlgorithmList{SchemaVersion: SchemaVersion, Algorithms: each(all, renderAlgorithm)}, err
}

func (s *Server) getAlgorithm(ctx context.Context, in *algorithmInput) (AlgorithmDocument, error) {
	d, err := s.deps.Algorithms.Show(ctx, in.Name, in.Limit)
	return AlgorithmDocument{
		SchemaVersion: SchemaVersion, Algorithm: renderAlgorithm(d.Algorithm), History: each(d.History, renderVersion), Info: d.Info,
		Operations: each(d.Operations, func(o contract.Operation) AlgorithmOperation { return AlgorithmOperation(o) }),
	}, err
}

func (s *Server) getInterface(ctx context.Context, in *interfaceInput) (AlgorithmInterface, error) {
	snap, err := s.deps.Algorithms.Documents(ctx, in.Name, in.Release)
	return AlgorithmInterface{
		SchemaVersion: SchemaVersion, Service: snap.Service, Release: snap.Release, TakenAt: snap.TakenAt, Info: snap.Info, OpenAPI: snap.OpenAPI,
	}, err
}

func (s *Server) diffAlgorithm(ctx context.Context, in *algorithmDiffInput) (AlgorithmDiff, error) {
	d, err := s.deps.Algorithms.Diff(ctx, in.Name, in.From, in.To)
	return AlgorithmDiff{
		SchemaVersion: SchemaVersion, Service: d.Service, From: renderVersion(d.From), To: renderVersion(d.To),
		Breaking: d.Report.Count(contract.Breaks), Changes: each(d.Report.Changes, renderChange), Cut: d.Report.Cut,
	}, err
}

func renderAlgorithm(a registry.Algorithm) Algorithm {
	out := Algorithm{
		Service: a.Service, Title: a.Title, Description: a.Description, Task: a.Task, Owner: a.Owner, Tags: orEmpty(a.Tags), Interface: a.Interface,
		Source: renderSource(a.Source), Versions: a.Versions,
	}
	if a.Live != nil {
		v := renderVersion(*a.Live)
		out.Live = &v
	}
	return out
}

func renderVersion(v registry.Version) AlgorithmVersion {
	out := AlgorithmVersion{
		Release: v.Release, Commit: v.Commit, Version: v.Version, CreatedAt: v.CreatedAt, LiveAt: v.LiveAt, Live: v.Live, Kept: v.Kept,
		Operations: v.Operations, ComparedTo: v.Base, Breaking: v.Breaking, Changes: []InterfaceChange{},
	}
	if v.Report != nil {
		out.Changes = each(v.Report.Changes, renderChange)
	}
	return out
}

func renderChange(c contract.Change) InterfaceChange {
	return InterfaceChange{
		Level: string(c.Level), Kind: string(c.Kind), Operation: c.Operation, Where: c.Where, Path: c.Path, Old: c.Old, New: c.New, Text: c.Text,
	}
}
