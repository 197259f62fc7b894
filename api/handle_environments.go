package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"aictl/deploy/envs"
	"aictl/store"
)

// Environments tells of the environments that releases run in, and moves them; *envs.Builder is one.
type Environments interface {
	List(ctx context.Context) ([]envs.Environment, error)
	// Get returns one; envs.ErrNoEnvironment when there is none.
	Get(key string) (envs.Environment, error)
	Packages(key string) ([]envs.Package, error)
	// Export writes one as an archive; begun is called before the first byte.
	Export(ctx context.Context, key string, now time.Time, to io.Writer, begun func(envs.Archive)) error
	// Import reads what Export wrote.
	Import(ctx context.Context, from io.Reader) (envs.Imported, error)
}

// noEnvironments is a server without environments.
type noEnvironments struct{}

func (noEnvironments) List(context.Context) ([]envs.Environment, error) { return nil, nil }
func (noEnvironments) Get(key string) (envs.Environment, error) {
	return envs.Environment{}, fmt.Errorf("environment %s: %w", key, envs.ErrNoEnvironment)
}
func (noEnvironments) Packages(string) ([]envs.Package, error) { return nil, envs.ErrNoEnvironment }
func (noEnvironments) Export(context.Context, string, time.Time, io.Writer, func(envs.Archive)) error {
	return envs.ErrNoEnvironment
}
func (noEnvironments) Import(context.Context, io.Reader) (envs.Imported, error) {
	return envs.Imported{}, envs.ErrBad
}

const archiveType = "application/x-tar"

// environmentRoutes registers what the API knows of environments.
func (s *Server) environmentRoutes(tag string) {
	get(s, "/environments", tag, "listEnvironments", "The environments that releases run in, what they cost and which releases need them", s.listEnvironments)
	get(s, "/environments/{name}", tag, "getEnvironment", "One environment with its packages", s.getEnvironment)

	op := operation(http.MethodGet, Prefix+"/environments/{name}/export", tag, "exportEnvironment", "The packages of an environment as wheels in a tar archive, for a machine without network")
	op.Responses = map[string]*huma.Response{"200": {Description: "The archive", Content: map[string]*huma.MediaType{archiveType: {Schema: &huma.Schema{}}}}}
	huma.Register(s.api, op, func(ctx context.Context, in *environmentInput) (*lines, error) {
		key, err := s.environmentKey(ctx, in.Key)
		if err != nil {
			return nil, s.problemOf(err)
		}
		return &lines{Body: func(hc huma.Context) {
			ctx, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			defer context.AfterFunc(s.draining, func() { cancel(stopping()) })()
			s.exportEnvironment(ctx, key, humagin.Unwrap(hc).Writer)
		}}, nil
	})

	op = operation(http.MethodPost, Prefix+"/environments/import", tag, "importEnvironment", "Take up an archive that an export gave: every wheel is checked, and builds look among them from then on")
	answer := s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[EnvironmentImport](), true, "")
	op.Responses = map[string]*huma.Response{"200": {Description: "All is taken up", Content: map[string]*huma.MediaType{"application/json": {Schema: answer}}}}
	huma.Register(s.api, op, func(ctx context.Context, _ *struct{}) (*lines, error) {
		return &lines{Body: func(hc huma.Context) {
			c := humagin.Unwrap(hc)
			s.importEnvironment(ctx, c.Writer, c.Request)
		}}, nil
	})
	// Told before, the library would read the body whole.
	s.api.OpenAPI().Paths[op.Path].Post.RequestBody = &huma.RequestBody{
		Required: true, Description: "The archive", Content: map[string]*huma.MediaType{archiveType: {Schema: &huma.Schema{}}},
	}
}

type environmentInput struct {
	Key string `path:"name" maxLength:"128" doc:"The key of an environment, or a service: that of its live release"`
}

// environmentUses are the releases by the key of their environment.
func (s *Server) environmentUses(ctx context.Context) (map[string][]EnvironmentUse, error) {
	uses, err := s.deps.EnvUses(ctx)
	out := map[string][]EnvironmentUse{}
	for _, u := range uses {
		out[u.Key] = append(out[u.Key], EnvironmentUse{Service: u.Service, Release: u.Release, Live: u.Live})
	}
	return out, err
}

func (s *Server) listEnvironments(ctx context.Context, _ *struct{}) (EnvironmentList, error) {
	all, err := s.deps.Builds.List(ctx)
	if err != nil {
		return EnvironmentList{}, err
	}
	uses, err := s.environmentUses(ctx)
	return EnvironmentList{SchemaVersion: SchemaVersion, Environments: each(all, func(e envs.Environment) Environment { return renderEnvironment(e, uses[e.Key]) })}, err
}

func renderEnvironment(e envs.Environment, uses []EnvironmentUse) Environment {
	if uses == nil {
		uses = []EnvironmentUse{}
	}
	return Environment{
		Key: e.Key, What: e.What, BuiltAt: e.BuiltAt, BuildSeconds: e.Seconds, Bytes: e.Bytes, SharedBytes: e.Shared, Files: e.Files, Uses: uses,
	}
}

// environmentKey is the key that a word means: its own, or that of a service's live release.
func (s *Server) environmentKey(ctx context.Context, word string) (string, error) {
	_, err := s.deps.Builds.Get(word)
	if err == nil || !errors.Is(err, envs.ErrNoEnvironment) {
		return word, err
	}
	uses, uerr := s.deps.EnvUses(ctx)
	for _, u := range uses {
		if u.Service == word && u.Live {
			return u.Key, nil
		}
	}
	if uerr != nil {
		return "", uerr
	}
	if _, serr := s.deps.History.Service(ctx, word); serr == nil {
		return "", fmt.Errorf("environment of %s: %w: its live release needs none, or nothing is live", word, envs.ErrNoEnvironment)
	} else if !errors.Is(serr, store.ErrNotFound) {
		return "", serr
	}
	return "", err
}

func (s *Server) getEnvironment(ctx context.Context, in *environmentInput) (EnvironmentDocument, error) {
	out := EnvironmentDocument{SchemaVersion: SchemaVersion, Packages: []EnvironmentPackage{}}
	key, err := s.environmentKey(ctx, in.Key)
	if err != nil {
		return out, err
	}
	env, err := s.deps.Builds.Get(key)
	if err != nil {
		return out, err
	}
	uses, err := s.environmentUses(ctx)
	if err != nil {
		return out, err
	}
	packages, err := s.deps.Builds.Packages(key)
	out.Environment = renderEnvironment(env, uses[key])
	out.Packages = each(packages, func(p envs.Package) EnvironmentPackage { return EnvironmentPackage(p) })
	return out, err
}

// exportEnvironment writes the archive. Once it has begun, a failure cuts the connection: the client sees that the file is not whole.
func (s *Server) exportEnvironment(ctx context.Context, key string, w http.ResponseWriter) {
	began := false
	err := s.deps.Builds.Export(ctx, key, s.deps.Now(), w, func(envs.Archive) {
		began = true
		w.Header().Set("Content-Type", archiveType)
		w.Header().Set("Content-Disposition", `attachment; filename="`+key+`.tar"`)
		w.WriteHeader(http.StatusOK)
	})
	switch {
	case err == nil:
	case !began:
		s.refuse(w, s.problemOf(err))
	default:
		s.log.Warn("export of an environment ended early", "environment", key, "error", err)
		panic(http.ErrAbortHandler)
	}
}

// importEnvironment reads an archive as it comes. It may be long, but it may not stall.
func (s *Server) importEnvironment(ctx context.Context, w http.ResponseWriter, r *http.Request) {
	ctl := http.NewResponseController(w)
	body := readerFunc(func(p []byte) (int, error) {
		s.deadline(ctl.SetReadDeadline(time.Now().Add(bodyTimeout)))
		return r.Body.Read(p)
	})
	got, err := s.deps.Builds.Import(ctx, body)
	s.deadline(ctl.SetReadDeadline(time.Time{}))
	if err != nil {
		w.Header().Set("Connection", "close") // the rest of the body is not read
		s.refuse(w, s.problemOf(err))
		return
	}
	out := EnvironmentImport{
		SchemaVersion: SchemaVersion, Key: got.Key, What: got.What, Python: got.Python, New: got.New, Wheels: []string{}, Warnings: append([]string{}, got.Warnings...),
	}
	for _, wheel := range got.Wheels {
		out.Wheels, out.Bytes = append(out.Wheels, wheel.File), out.Bytes+wheel.Size
	}
	s.log.Info("environment imported", "environment", got.Key, "wheels", len(got.Wheels), "new", got.New, "actor", actor(ctx))
	w.Header().Set("Content-Type", "application/json")
	if err := newLineEncoder(w).Encode(out); err != nil {
		s.log.Debug("answer was not taken", "error", err)
	}
}
