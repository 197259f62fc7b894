package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"aictl/deploy/envs"
	"aictl/store"
)

// environmentRoutes are the calls about environments.
var environmentRoutes = []string{
	"GET /api/v1/environments", "GET /api/v1/environments/{name}", "GET /api/v1/environments/{name}/export", "POST /api/v1/environments/import",
}

// goodArchive is larger than the bodies of other calls may be.
var goodArchive = strings.Repeat("x", 2*maxBody)

// fakeEnvs has the environment py3.11-a, and one whose export breaks off.
type fakeEnvs struct{ noEnvironments }

func (fakeEnvs) List(context.Context) ([]envs.Environment, error) {
	return []envs.Environment{{Key: "py3.11-a", What: "Python 3.11.7, uv, uv.lock", BuiltAt: testNow, Seconds: 1.5, Bytes: 4096, Shared: 1024, Files: 3}, {Key: "py3.11-b"}}, nil
}

func (f fakeEnvs) Get(key string) (envs.Environment, error) {
	all, err := f.List(context.Background())
	for _, e := range all {
		if e.Key == key {
			return e, err
		}
	}
	return f.noEnvironments.Get(key)
}

func (fakeEnvs) Packages(string) ([]envs.Package, error) {
	return []envs.Package{{Name: "numpy", Version: "2.4.6", Bytes: 99}}, nil
}

func (fakeEnvs) Export(_ context.Context, key string, now time.Time, to io.Writer, begun func(envs.Archive)) error {
	if key == "py3.11-b" {
		begun(envs.Archive{})
		_, err := io.WriteString(to, strings.Repeat("half", 1<<16))
		return errors.Join(err, errors.New("the disk is gone"))
	}
	begun(envs.Archive{})
	_, err := fmt.Fprintf(to, "archive of %s at %d", key, now.Unix())
	return err
}

func (fakeEnvs) Import(_ context.Context, from io.Reader) (envs.Imported, error) {
	text, err := io.ReadAll(from)
	if err == nil && string(text) != goodArchive {
		err = fmt.Errorf("%w: its format is 9", envs.ErrArchive)
	}
	return envs.Imported{Archive: envs.Archive{Key: "k", Wheels: []envs.Wheel{{File: "a.whl", Size: 7}}}, New: 1}, err
}

func envUses(context.Context) ([]store.EnvUse, error) {
	return []store.EnvUse{{Key: "py3.11-a", Service: "ocr", Release: "r2-1a2b3c4d", Live: true}, {Key: "py3.11-b", Service: "ocr", Release: "r1-1a2b3c4d"}}, nil
}

func TestEnvironments(t *testing.T) {
	c := clientOf(t, newServer(t, newBackend(), func(d *Deps) { d.Builds, d.EnvUses = fakeEnvs{}, envUses }))
	list, err := c.Environments(t.Context())
	if err != nil || len(list.Environments) != 2 || list.Environments[0].BuildSeconds != 1.5 || len(list.Environments[0].Uses) != 1 || !list.Environments[0].Uses[0].Live {
		t.Errorf("%+v, %v", list, err)
	}
	one, err := c.Environment(t.Context(), "ocr") // a service means its live release's
	if err != nil || one.Environment.Key != "py3.11-a" || len(one.Packages) != 1 || one.Packages[0].Bytes != 99 {
		t.Errorf("%+v, %v", one, err)
	}
	for _, name := range []string{"gone", "../x"} {
		if _, err := c.Environment(t.Context(), name); !isStatus(err, http.StatusNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var file bytes.Buffer
	err = c.ExportEnvironment(t.Context(), "ocr", &file)
	if want := fmt.Sprintf("archive of py3.11-a at %d", testNow.Unix()); err != nil || file.String() != want {
		t.Errorf("%q, %v", file.String(), err)
	}
	if err := c.ExportEnvironment(t.Context(), "py3.11-b", io.Discard); !errors.Is(err, ErrCut) {
		t.Errorf("an export that broke off: %v", err)
	}
	if err := c.ExportEnvironment(t.Context(), "gone", io.Discard); !isStatus(err, http.StatusNotFound) {
		t.Errorf("an export of nothing: %v", err)
	}
	got, err := c.ImportEnvironment(t.Context(), strings.NewReader(goodArchive))
	if err != nil || got.New != 1 || got.Bytes != 7 || len(got.Wheels) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := c.ImportEnvironment(t.Context(), strings.NewReader("bad")); !isStatus(err, http.StatusUnprocessableEntity) || !strings.Contains(err.Error(), "its format is 9") {
		t.Errorf("a bad archive: %v", err)
	}
}

func isStatus(err error, status int) bool {
	var p *Error
	return errors.As(err, &p) && p.Status == status
}
