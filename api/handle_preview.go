package api

import (
	"context"

	"aictl/configs"
	"aictl/deploy"
	"aictl/store"
)

func (s *Server) preview(ctx context.Context, in *deployInput) (PreviewDocument, error) {
	p, err := s.deps.Deploys.Preview(ctx, requestOf(ctx, in.Body))
	return renderPreview(p), err
}

func requestOf(ctx context.Context, req DeployRequest) deploy.Request {
	return deploy.Request{
		Source: store.Source{Kind: req.Source.Kind, URL: req.Source.URL, Ref: req.Source.Ref, Subdir: req.Source.Subdir},
		Name:   req.Name, Env: req.Env, Replicas: req.Replicas, Actor: actor(ctx), Trigger: req.Trigger, Reason: req.Reason, Origin: origin(ctx),
		Verify: (*deploy.Verify)(req.Verify), Canary: req.Canary,
	}
}

func renderPreview(p deploy.Preview) PreviewDocument {
	doc := PreviewDocument{
		SchemaVersion: SchemaVersion, Service: p.Service, Commit: p.Commit, Live: ReleaseRef{ID: p.Live.ID, Commit: p.Live.Commit},
		Environment: PreviewEnv{Key: p.Env.Key, Detail: p.Env.Detail, State: "build"},
		Instances:   PreviewScale{Before: p.Before, After: p.After, Strategy: string(p.Strategy)},
		Warnings:    orEmpty(p.Warnings),
		Changes: each(p.Changes, func(c configs.ManifestChange) PreviewChange {
			return PreviewChange{Key: c.Key, Old: c.Old, New: c.New, Effect: string(c.Effect)}
		}),
	}
	switch {
	case p.Env.Same:
		doc.Environment.State = "same"
	case p.Env.Ready:
		doc.Environment.State = "ready"
	}
	return doc
}
