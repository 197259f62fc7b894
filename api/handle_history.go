package api

import (
	"context"
	"fmt"

	"aictl/configs"
	"aictl/deploy"
	"aictl/gitea"
)

type compareInput struct {
	From    string `query:"from" maxLength:"100" doc:"A deploy (12), a kept release (r12) or a commit"`
	To      string `query:"to" maxLength:"100" doc:"The same"`
	Service string `query:"service" maxLength:"100" doc:"Needed when neither is a deploy"`
}

type deployLogInput struct {
	ID    int64 `path:"id" minimum:"1" doc:"Deploy id"`
	Lines int   `query:"lines" minimum:"1" maximum:"100000" default:"1000" doc:"The last so many"`
}

func (s *Server) diffDeploys(ctx context.Context, in *compareInput) (Comparison, error) {
	for at, word := range map[string]string{"query.from": in.From, "query.to": in.To} {
		if word == "" {
			return Comparison{}, invalid(at, "name a deploy (12), a release (r12) or a commit")
		}
	}
	c, err := s.deps.Deploys.Compare(ctx, in.Service, in.From, in.To)
	if err != nil {
		return Comparison{}, err
	}
	return Comparison{
		SchemaVersion: SchemaVersion, Service: c.Service, From: renderCompared(c.From), To: renderCompared(c.To), More: c.More,
		Added: each(c.Added, renderCommit), Removed: each(c.Removed, renderCommit), Notes: orEmpty(c.Notes),
		Manifest: each(c.Manifest, func(m configs.ManifestChange) PreviewChange {
			return PreviewChange{Key: m.Key, Old: m.Old, New: m.New, Effect: string(m.Effect)}
		}),
		Dependencies: each(c.Dependencies, func(d deploy.DependencyChange) DependencyCompare { return DependencyCompare(d) }),
	}, nil
}

func renderCompared(v deploy.Version) ComparedVersion {
	return ComparedVersion{Deploy: v.Deploy, Release: v.Release, Commit: v.Commit, Subject: v.Subject, At: v.At}
}

func renderCommit(c gitea.Commit) ComparedCommit {
	return ComparedCommit{Commit: c.SHA, Subject: c.Subject, Author: c.Author, At: c.At}
}

func (s *Server) deployLog(ctx context.Context, in *deployLogInput) (DeployLog, error) {
	d, err := s.deps.History.Deploy(ctx, in.ID)
	if err != nil {
		return DeployLog{}, fmt.Errorf("deploy %d: %w", in.ID, err)
	}
	lines, err := s.deps.Deploys.Tail(ctx, in.ID, in.Lines)
	return DeployLog{SchemaVersion: SchemaVersion, Deploy: d.ID, State: string(d.State), Lines: orEmpty(lines)}, err
}
