package api

import (
	"context"
	"fmt"

	"aictl/forges"
	"aictl/gitea"
	"aictl/store"
)

// noForges is what a server has where nothing can be connected.
type noForges struct{}

func (noForges) List(context.Context) ([]gitea.Connection, error) { return nil, nil }
func (noForges) Connect(context.Context, forges.Request) (forges.Checked, error) {
	return forges.Checked{}, forges.ErrNone
}
func (noForges) Test(context.Context, string) (forges.Checked, error) {
	return forges.Checked{}, forges.ErrNone
}
func (noForges) Disconnect(_ context.Context, name, _ string) ([]string, error) {
	return nil, fmt.Errorf("connection %s: %w", name, store.ErrNotFound)
}
func (noForges) History(context.Context, string, int64, int) ([]store.ForgeChange, error) {
	return nil, nil
}
func (noForges) Rollback(context.Context, string, int64, string) (forges.Checked, error) {
	return forges.Checked{}, forges.ErrNone
}
func (noForges) Repos(context.Context, string, forges.Selection) (gitea.Connection, []forges.Repository, error) {
	return gitea.Connection{}, nil, forges.ErrNone
}
func (noForges) Create(context.Context, string, forges.NewRepository) (gitea.Connection, gitea.Listed, error) {
	return gitea.Connection{}, gitea.Listed{}, forges.ErrNone
}

type forgeReposInput struct {
	Name  string `path:"name" maxLength:"64" doc:"Name of the connection; - is the default one"`
	Match string `query:"match" maxLength:"100" doc:"Part of the name"`
	Limit int    `query:"limit" minimum:"1" maximum:"10000" default:"200"`
	Look  bool   `query:"look" doc:"Look at the files of each, which takes one more call of the Gitea for each"`
}

type forgeRepoInput struct {
	Name string `path:"name" maxLength:"64" doc:"Name of the connection; - is the default one"`
	Body ForgeRepositoryRequest
}

func (s *Server) forgeRepositories(ctx context.Context, in *forgeReposInput) (ForgeRepositories, error) {
	c, repos, err := s.deps.Forges.Repos(ctx, connection(in.Name), forges.Selection{Match: in.Match, Most: in.Limit, Look: in.Look})
	return ForgeRepositories{SchemaVersion: SchemaVersion, Forge: c.Name, Repositories: orEmpty(each(repos, renderForgeRepo))}, err
}

func (s *Server) createForgeRepository(ctx context.Context, in *forgeRepoInput) (ForgeRepositoryCreated, error) {
	b := in.Body
	c, made, err := s.deps.Forges.Create(ctx, connection(in.Name), forges.NewRepository{Name: b.Name, Description: b.Description, Branch: b.Branch, Public: b.Public})
	if err != nil {
		return ForgeRepositoryCreated{}, err
	}
	return ForgeRepositoryCreated{SchemaVersion: SchemaVersion, Forge: c.Name, Repository: renderForgeRepo(forges.Repository{Listed: made})}, nil
}

func renderForgeRepo(r forges.Repository) ForgeRepository {
	return ForgeRepository{
		Name: r.FullName, URL: r.CloneURL, Description: r.Description, DefaultBranch: r.DefaultBranch, Empty: r.Empty, Private: r.Private, Archived: r.Archived,
		SizeBytes: r.Size, UpdatedAt: r.UpdatedAt, Services: orEmpty(r.Services), Looks: r.Looks,
	}
}
