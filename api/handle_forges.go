package api

import (
	"context"

	"aictl/gitea"
)

// Forges are the connected Giteas; *forges.Book is one.
type Forges interface {
	// List returns the connections, the default one first.
	List(ctx context.Context) ([]gitea.Connection, error)
}

// noForges is what a server has where nothing can be connected.
type noForges struct{}

func (noForges) List(context.Context) ([]gitea.Connection, error) { return nil, nil }

// forgeRoutes is everything about connected Giteas.
func (s *Server) forgeRoutes(tag string) {
	get(s, "/gitea", tag, "listForges", "The connected Giteas, the default one first", s.listForges)
}

func (s *Server) listForges(ctx context.Context, _ *struct{}) (ForgeList, error) {
	list, err := s.deps.Forges.List(ctx)
	doc := ForgeList{SchemaVersion: SchemaVersion, Forges: []Forge{}}
	for i, c := range list {
		doc.Forges = append(doc.Forges, renderForge(c, i == 0))
	}
	return doc, err
}

func renderForge(c gitea.Connection, first bool) Forge {
	f := Forge{Name: c.Name, URL: c.Client.URL(), Owner: c.Owner, Prefix: c.Prefix, Login: c.Login, Hint: c.Hint, From: c.From, Default: first}
	if c.Err != nil {
		f.Error = c.Err.Error()
	}
	return f
}
