package envs

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aictl/configs"
)

// tarball is an npm package of one file.
func tarball(t *testing.T, name, version, code string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	for _, f := range [][2]string{
		{"package/package.json", fmt.Sprintf(`{"name":%q,"version":%q,"main":"index.js"}`, name, version)},
		{"package/index.js", code},
	} {
		must(t, w.WriteHeader(&tar.Header{Name: f[0], Mode: 0o644, Size: int64(len(f[1])), ModTime: time.Unix(1e9, 0)}))
		_, err := w.Write([]byte(f[1]))
		must(t, err)
	}
	must(t, w.Close())
	must(t, z.Close())
	return buf.Bytes()
}

// nodeTree is a checkout that needs one package from url.
func nodeTree(t *testing.T, url, integrity string) string {
	t.Helper()
	return tree(t, map[string]string{
		"package.json": `{"name":"svc","version":"1.0.0","dependencies":{"tiny":"1.0.0"}}`,
		"package-lock.json": fmt.Sprintf(`{"name":"svc","version":"1.0.0","lockfileVersion":3,"requires":true,"packages":{
"":{"name":"svc","version":"1.0.0","dependencies":{"tiny":"1.0.0"}},
"node_modules/tiny":{"version":"1.0.0","resolved":%q,"integrity":%q}}}`, url, integrity),
		"main.js": "console.log(require('tiny'))",
	})
}

func TestNodeModulesAreBuiltOnce(t *testing.T) {
	t.Setenv("npm_config_cache", t.TempDir())
	t.Setenv("npm_config_fetch_retries", "0")
	pack := tarball(t, "tiny", "1.0.0", "module.exports = 'tiny works'")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := w.Write(pack); err != nil {
			t.Error(err)
		}
	}))
	defer srv.Close()
	sum := sha512.Sum512(pack)
	dir := nodeTree(t, srv.URL+"/tiny-1.0.0.tgz", "sha512-"+base64.StdEncoding.EncodeToString(sum[:]))
	b, out := builder(t), &output{}
	res, err := b.Build(t.Context(), request(t, dir, out))
	if err != nil {
		t.Fatalf("%v\n%s", err, out.all())
	}
	must(t, res.Link(dir))
	argv, err := res.Resolve([]string{"node", "main.js"}, dir)
	must(t, err)
	said, err := exec.Command(argv[0], filepath.Join(dir, argv[1])).CombinedOutput()
	if err != nil || strings.TrimSpace(string(said)) != "tiny works" {
		t.Errorf("it said %q, %v", said, err)
	}
	must(t, os.Remove(filepath.Join(dir, "node_modules")))
	if again, err := b.Build(t.Context(), request(t, dir, out)); err != nil || !again.Reused || again.Key != res.Key {
		t.Errorf("unchanged: %+v, %v", again, err)
	}
	// A package that is not what the lock file says.
	bad := nodeTree(t, srv.URL+"/tiny-1.0.0.tgz", "sha512-"+base64.StdEncoding.EncodeToString(make([]byte, 64)))
	t.Setenv("npm_config_cache", t.TempDir())
	_, err = b.Build(t.Context(), request(t, bad, out))
	var failed *Failed
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "npm ci exited with code") || !strings.Contains(out.all(), "EINTEGRITY") {
		t.Errorf("got %v\n%s", err, out.all())
	}
}

func TestNodeWithoutABuild(t *testing.T) {
	t.Parallel()
	dep := `{"dependencies":{"x":"1"}}`
	for name, c := range map[string]struct {
		files map[string]string
		what  string
	}{
		"no dependencies":       {map[string]string{"package.json": `{"devDependencies":{"x":"1"}}`}, "none needed"},
		"committed":             {map[string]string{"package.json": dep, "node_modules/x/index.js": ""}, "node_modules of the repository"},
		"the command runtime":   {map[string]string{"run.sh": ""}, "none needed"},
		"no lock file":          {map[string]string{"package.json": dep}, "! npm install --package-lock-only"},
		"a package by path":     {map[string]string{"package.json": dep, "package-lock.json": `{"packages":{"node_modules/x":{"resolved":"../x","link": true}}}`}, "! names packages by path"},
		"a package by file:":    {map[string]string{"package.json": dep, "package-lock.json": `{"packages":{"node_modules/x":{"resolved":"file:x.tgz"}}}`}, "! commit node_modules"},
		"a broken package.json": {map[string]string{"package.json": "{"}, "! package.json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := builder(t)
			res, err := b.Build(t.Context(), request(t, tree(t, c.files), &output{}))
			if says, refused := strings.CutPrefix(c.what, "! "); refused {
				if !errors.Is(err, ErrBad) || !strings.Contains(err.Error(), says) {
					t.Errorf("got %v; want it to say %q", err, says)
				}
			} else if err != nil || res.Detail != c.what || res.Key != "" {
				t.Errorf("%+v, %v; want %s", res, err, c.what)
			}
		})
	}
	b := New(Config{Root: t.TempDir(), Node: "/nowhere/node"})
	req := request(t, nodeTree(t, "http://127.0.0.1:1/x.tgz", ""), &output{})
	req.Manifest.Runtime = configs.RuntimeNode
	if _, err := b.Build(t.Context(), req); !errors.Is(err, ErrNoTool) || !strings.Contains(err.Error(), "apt install nodejs npm") {
		t.Errorf("no node: %v", err)
	}
}
