package api

import (
	"context"
	"net/http"

	"aictl/forges"
	"aictl/gitea"
	"aictl/store"
)

// Forges are the connected Giteas; *forges.Book is one. Names are those of connections, "" the default one.
type Forges interface {
	// List returns the connections, the default one first.
	List(ctx context.Context) ([]gitea.Connection, error)
	Connect(ctx context.Context, r forges.Request) (forges.Checked, error)
	Test(ctx context.Context, name string) (forges.Checked, error)
	// Disconnect also says which services came from there.
	Disconnect(ctx context.Context, name, actor string) (services []string, err error)
	History(ctx context.Context, name string, before int64, n int) ([]store.ForgeChange, error)
	Rollback(ctx context.Context, name string, revision int64, actor string) (forges.Checked, error)
	Repos(ctx context.Context, name string, sel forges.Selection) (gitea.Connection, []forges.Repository, error)
	Create(ctx context.Context, name string, r forges.NewRepository) (gitea.Connection, gitea.Listed, error)
}

// forgeNameInput names a connection: "-" is the default one.
type forgeNameInput struct {
	Name string `path:"name" maxLength:"64" doc:"Name of the connection; - is the default one"`
}

// connection is the name that Forges takes.
func connection(name string) string {
	if name == "-" {
		return ""
	}
	return name
}

type forgeInput struct{ Body ForgeRequest }

type forgeHistoryInput struct {
	Name   string `query:"name" maxLength:"64" doc:"Of one connection"`
	Before int64  `query:"before" minimum:"0" doc:"Below this revision"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"20"`
}

type forgeRollbackInput struct {
	Name string `path:"name" maxLength:"64" doc:"Name of the connection"`
	Body ForgeRollback
}

// forgeRoutes is everything about connected Giteas.
func (s *Server) forgeRoutes(tag string) {
	get(s, "/gitea", tag, "listForges", "The connected Giteas, the default one first", s.listForges)
	post(s, "/gitea", tag, "connectForge", "Connect a Gitea, or change a connection: it is checked first, and stored when repositories can be read", http.StatusOK, s.connectForge)
	get(s, "/gitea/history", tag, "forgeHistory", "Changes of connections, newest first", s.forgeHistory)
	post(s, "/gitea/{name}/test", tag, "testForge", "What a connection is good for now: the server, the token, its scopes", http.StatusOK, s.testForge)
	post(s, "/gitea/{name}/disconnect", tag, "disconnectForge", "Forget a connection; its history stays", http.StatusOK, s.disconnectForge)
	post(s, "/gitea/{name}/rollback", tag, "rollbackForge", "Make a connection what it was", http.StatusOK, s.rollbackForge)
	get(s, "/gitea/{name}/repositories", tag, "listForgeRepositories", "The repositories of a Gitea, and what is deployed from them", s.forgeRepositories)
	post(s, "/gitea/{name}/repositories", tag, "createForgeRepository", "Make an empty repository", http.StatusCreated, s.createForgeRepository)
}

func (s *Server) listForges(ctx context.Context, _ *struct{}) (ForgeList, error) {
	list, err := s.deps.Forges.List(ctx)
	doc := ForgeList{SchemaVersion: SchemaVersion, Forges: []Forge{}}
	for i, c := range list {
		doc.Forges = append(doc.Forges, renderForge(c, i == 0))
	}
	return doc, err
}

func (s *Server) connectForge(ctx context.Context, in *forgeInput) (ForgeCheck, error) {
	r := in.Body
	c, err := s.deps.Forges.Connect(ctx, forges.Request{URL: r.URL, Name: r.Name, Token: r.Token, Owner: r.Owner, Prefix: r.Prefix, Default: r.Default, Actor: actor(ctx)})
	if err != nil {
		return ForgeCheck{}, err
	}
	return renderCheck(c, nil), nil
}

func (s *Server) testForge(ctx context.Context, in *forgeNameInput) (ForgeCheck, error) {
	c, err := s.deps.Forges.Test(ctx, connection(in.Name))
	if err != nil && c.Client == nil {
		return ForgeCheck{}, err
	}
	return renderCheck(c, err), nil // a connection that does not work is what was asked for
}

func (s *Server) disconnectForge(ctx context.Context, in *forgeNameInput) (ForgeRemoved, error) {
	services, err := s.deps.Forges.Disconnect(ctx, connection(in.Name), actor(ctx))
	return ForgeRemoved{SchemaVersion: SchemaVersion, Name: in.Name, Services: orEmpty(services)}, err
}

func (s *Server) forgeHistory(ctx context.Context, in *forgeHistoryInput) (ForgeHistory, error) {
	changes, err := s.deps.Forges.History(ctx, in.Name, in.Before, in.Limit)
	return ForgeHistory{SchemaVersion: SchemaVersion, Changes: orEmpty(each(changes, func(c store.ForgeChange) ForgeChange { return ForgeChange(c) }))}, err
}

func (s *Server) rollbackForge(ctx context.Context, in *forgeRollbackInput) (ForgeCheck, error) {
	c, err := s.deps.Forges.Rollback(ctx, connection(in.Name), in.Body.Revision, actor(ctx))
	if err != nil {
		return ForgeCheck{}, err
	}
	return renderCheck(c, nil), nil
}

func renderForge(c gitea.Connection, first bool) Forge {
	f := Forge{Name: c.Name, URL: c.Client.URL(), Owner: c.Owner, Prefix: c.Prefix, Login: c.Login, Hint: c.Hint, From: c.From, Default: first}
	if c.Err != nil {
		f.Error = c.Err.Error()
	}
	return f
}

func renderCheck(c forges.Checked, err error) ForgeCheck {
	doc := ForgeCheck{
		SchemaVersion: SchemaVersion, Forge: renderForge(c.Connection, c.Default), Version: c.Checkup.Version, Old: c.Checkup.Old, OldestVersion: gitea.OldestVersion,
		Login: c.Checkup.Login, OwnerKind: c.Checkup.Kind, Scopes: []Scope{}, OK: err == nil,
	}
	for _, g := range c.Checkup.Scopes {
		doc.Scopes = append(doc.Scopes, Scope{Scope: g.Scope, For: g.For, Has: g.Has})
		doc.OK = doc.OK && (g.Has || !g.Needed)
	}
	if err != nil {
		doc.Error = err.Error()
	}
	return doc
}
