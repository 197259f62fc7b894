package api

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"aictl/hosting"
)

// hostingCalls are the calls about hosted repositories.
var hostingCalls = []string{
	"GET /api/v1/repositories", "POST /api/v1/repositories", "GET /api/v1/repositories/{name}", "POST /api/v1/repositories/{name}/remove",
}

// clientOf is a client of a server over real HTTP.
func clientOf(t *testing.T, s *Server) *Client {
	t.Helper()
	server := httptest.NewServer(s.Handler(true))
	t.Cleanup(server.Close)
	return client(t, Target{URL: server.URL})
}

func TestRepositories(t *testing.T) {
	t.Parallel()
	host := hosting.New(hosting.Config{Root: filepath.Join(t.TempDir(), "git")})
	s := newServer(t, newBackend(), func(d *Deps) { d.Hosting = host })
	client := clientOf(t, s)
	ctx := t.Context()
	if list, err := client.Repositories(ctx); err != nil || len(list.Repositories) != 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	doc, err := client.CreateRepository(ctx, RepositoryRequest{Name: "demo"})
	if err != nil || doc.Repository.Name != "demo" || !doc.Repository.Empty || doc.Repository.DefaultBranch != "main" {
		t.Fatalf("%+v, %v", doc, err)
	}
	if list, err := client.Repositories(ctx); err != nil || len(list.Repositories) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	for _, c := range []struct {
		what string
		err  func() error
		want int
	}{
		{"the same again", func() error { _, err := client.CreateRepository(ctx, RepositoryRequest{Name: "demo"}); return err }, http.StatusConflict},
		{"a bad name", func() error { _, err := client.CreateRepository(ctx, RepositoryRequest{Name: "../x"}); return err }, http.StatusUnprocessableEntity},
		{"one that is not there", func() error { _, err := client.Repository(ctx, "other"); return err }, http.StatusNotFound},
		{"its removal", func() error { _, err := client.RemoveRepository(ctx, "other"); return err }, http.StatusNotFound},
	} {
		var p *Error
		if err := c.err(); !errors.As(err, &p) || p.Status != c.want {
			t.Errorf("%s: %v, want %d", c.what, err, c.want)
		}
	}
	if _, err := client.RemoveRepository(ctx, "demo"); err != nil {
		t.Error(err)
	}
	if _, err := client.Repository(ctx, "demo"); err == nil {
		t.Error("it is still there")
	}
}

// TestNoHosting: a server that hosts nothing says so.
func TestNoHosting(t *testing.T) {
	t.Parallel()
	client := clientOf(t, newServer(t, newBackend()))
	if list, err := client.Repositories(t.Context()); err != nil || len(list.Repositories) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	for _, name := range []string{"a", "b"} {
		if _, err := client.CreateRepository(t.Context(), RepositoryRequest{Name: name}); err == nil {
			t.Error("it made one")
		}
		if _, err := client.RemoveRepository(t.Context(), name); err == nil {
			t.Error("it removed one")
		}
	}
}
