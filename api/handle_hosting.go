package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"aictl/hosting"
)

// Hosting keeps the repositories that aictl hosts itself; *hosting.Host is one.
type Hosting interface {
	List(ctx context.Context) ([]hosting.Repository, error) // by name
	Show(name string) (hosting.Repository, error)
	Create(ctx context.Context, name string) error
	Remove(ctx context.Context, name string) error
}

// noHosting is what a server has that hosts nothing.
type noHosting struct{}

var errNoHosting = errors.New("this daemon hosts no repositories")

func (noHosting) List(context.Context) ([]hosting.Repository, error) { return nil, nil }
func (noHosting) Show(name string) (hosting.Repository, error) {
	return hosting.Repository{}, fmt.Errorf("%w: %s", hosting.ErrNotFound, name)
}
func (noHosting) Create(context.Context, string) error { return errNoHosting }
func (noHosting) Remove(_ context.Context, name string) error {
	return fmt.Errorf("%w: %s", hosting.ErrNotFound, name)
}

type repositoryInput struct{ Body RepositoryRequest }

type repositoryNameInput struct {
	Name string `path:"name" maxLength:"100" doc:"The repository's name"`
}

// hostingRoutes is everything about hosted repositories but Git itself, which is below /git/.
func (s *Server) hostingRoutes(tag string) {
	get(s, "/repositories", tag, "listRepositories", "The repositories that aictl hosts itself, by name", s.listRepositories)
	post(s, "/repositories", tag, "createRepository", "Make an empty repository that aictl hosts itself", http.StatusCreated, s.createRepository)
	get(s, "/repositories/{name}", tag, "getRepository", "One hosted repository", s.getRepository)
	post(s, "/repositories/{name}/remove", tag, "removeRepository", "Remove a hosted repository with all that was pushed to it; services that were deployed from it go on", http.StatusOK, s.removeRepository)
}

func (s *Server) listRepositories(ctx context.Context, _ *struct{}) (RepositoryList, error) {
	list, err := s.deps.Hosting.List(ctx)
	return RepositoryList{SchemaVersion: SchemaVersion, Repositories: orEmpty(each(list, s.renderRepository))}, err
}

func (s *Server) getRepository(_ context.Context, in *repositoryNameInput) (RepositoryDocument, error) {
	r, err := s.deps.Hosting.Show(in.Name)
	return RepositoryDocument{SchemaVersion: SchemaVersion, Repository: s.renderRepository(r)}, err
}

func (s *Server) createRepository(ctx context.Context, in *repositoryInput) (RepositoryDocument, error) {
	if err := s.deps.Hosting.Create(ctx, in.Body.Name); err != nil {
		return RepositoryDocument{}, err
	}
	return s.getRepository(ctx, &repositoryNameInput{Name: in.Body.Name})
}

func (s *Server) removeRepository(ctx context.Context, in *repositoryNameInput) (RepositoryDocument, error) {
	doc, err := s.getRepository(ctx, in)
	if err != nil {
		return doc, err
	}
	return doc, s.deps.Hosting.Remove(ctx, in.Name)
}

func (s *Server) renderRepository(r hosting.Repository) Repository {
	return Repository{
		Name: r.Name, URL: s.deps.Info.Version().API + hosting.Prefix + r.Name + ".git", DefaultBranch: r.Default, Empty: r.Empty,
		SizeBytes: r.Size, PushedAt: r.Pushed.UTC(),
	}
}
