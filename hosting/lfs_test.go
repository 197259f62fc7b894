package hosting

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aictl/gitea/lfs"
)

func oidOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

func batch(t *testing.T, url, operation string, objects ...lfs.BatchObject) lfs.Answer {
	t.Helper()
	body, err := json.Marshal(lfs.Batch{Operation: operation, Objects: objects})
	if err != nil {
		t.Fatal(err)
	}
	res := ask(t, "POST", url+"/info/lfs/objects/batch", string(body), "Authorization", "Bearer tok")
	var out lfs.Answer
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || res.StatusCode != 200 {
		t.Fatalf("batch: %d, %v", res.StatusCode, err)
	}
	return out
}

func TestLFSObjects(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	content := "a model"
	o := lfs.BatchObject{OID: oidOf(content), Size: int64(len(content))}
	offer := batch(t, r.at("demo"), "upload", o).Objects[0]
	up := offer.Actions["upload"]
	if up.Href != r.at("demo")+"/info/lfs/objects/"+o.OID || up.Header["Authorization"] != "Bearer tok" {
		t.Fatalf("offer %+v", offer)
	}
	if res := ask(t, "PUT", up.Href, "another model"); res.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("other content: %d", res.StatusCode)
	}
	if res := ask(t, "GET", up.Href, ""); res.StatusCode != http.StatusNotFound {
		t.Errorf("it is there: %d", res.StatusCode)
	}
	if missing := batch(t, r.at("demo"), "download", o).Objects[0]; missing.Error == nil || missing.Error.Code != 404 {
		t.Errorf("offer %+v", missing)
	}
	verify := fmt.Sprintf(`{"oid":%q,"size":%d}`, o.OID, o.Size)
	if res := ask(t, "POST", offer.Actions["verify"].Href, verify); res.StatusCode != http.StatusNotFound {
		t.Errorf("verified: %d", res.StatusCode)
	}
	if res := ask(t, "PUT", up.Href, content); res.StatusCode != 200 {
		t.Fatalf("upload: %d", res.StatusCode)
	}
	if res := ask(t, "POST", offer.Actions["verify"].Href, verify); res.StatusCode != 200 {
		t.Errorf("verify: %d", res.StatusCode)
	}
	if again := batch(t, r.at("demo"), "upload", o).Objects[0]; len(again.Actions) != 0 || again.Error != nil {
		t.Errorf("asked for again: %+v", again)
	}
	down := batch(t, r.at("demo"), "download", o).Objects[0].Actions["download"]
	res := ask(t, "GET", down.Href, "", "Range", "bytes=2-")
	if got, err := io.ReadAll(res.Body); err != nil || string(got) != content[2:] || res.StatusCode != 206 {
		t.Errorf("the rest: %q, %d, %v", got, res.StatusCode, err)
	}
	repo, err := r.Find("demo")
	if err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Join(repo, "lfs", "tmp")); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestLFSRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.MaxPush = 100 })
	if err := r.Create(t.Context(), "demo"); err != nil {
		t.Fatal(err)
	}
	below := r.at("demo") + "/info/lfs/"
	big := strings.Repeat("x", 200)
	for _, c := range []struct {
		method, url, body string
		status            int
	}{
		{"POST", below + "objects/batch", `{`, 422},
		{"POST", below + "objects/batch", `{"operation":"steal"}`, 422},
		{"POST", below + "objects/batch", `{"operation":"upload","hash_algo":"md5"}`, 409},
		{"POST", r.at("none") + "/info/lfs/objects/batch", `{"operation":"download"}`, 404},
		{"PUT", below + "objects/" + oidOf(big), big, 413},
		{"PUT", below + "objects/../../HEAD", "x", 404},
		{"PUT", below + "objects/" + strings.ToUpper(oidOf("x")), "x", 404},
		{"DELETE", below + "objects/" + oidOf("x"), "", 405},
		{"POST", below + "objects/" + oidOf("x") + "/verify", `{"oid":"y"}`, 422},
		{"POST", below + "locks/verify", `{}`, 200},
		{"POST", below + "locks", `{}`, 501},
		{"GET", below + "nothing", "", 404},
	} {
		res := ask(t, c.method, c.url, c.body)
		if res.StatusCode != c.status || !strings.HasPrefix(res.Header.Get("Content-Type"), lfs.MediaType) && c.status != 404 {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.url, res.StatusCode, res.Header.Get("Content-Type"), c.status)
		}
	}
	for _, o := range []lfs.BatchObject{{OID: "../x", Size: 1}, {OID: oidOf("x"), Size: -1}, {OID: oidOf(big), Size: 200}} {
		if got := batch(t, r.at("demo"), "upload", o).Objects[0]; got.Error == nil || len(got.Actions) > 0 {
			t.Errorf("%+v: %+v", o, got)
		}
	}
}

// TestGitLFS lets the real program push and fetch.
func TestGitLFS(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git-lfs"); err != nil {
		t.Fatal("git-lfs is needed for this test: scripts/setup.sh --test installs it")
	}
	r := newRig(t)
	dir := working(t, "main")
	git(t, dir, "lfs", "install", "--local", "--skip-repo")
	git(t, dir, "lfs", "track", "*.bin")
	content := noise(300 << 10)
	commit(t, dir, "model.bin", content, "A model")
	git(t, dir, "remote", "add", "origin", r.at("models"))
	git(t, dir, "lfs", "push", "origin", "main")
	git(t, dir, "push", "-q", "origin", "main")

	clone := filepath.Join(t.TempDir(), "clone")
	git(t, dir, "clone", "-q", r.at("models"), clone)
	git(t, clone, "lfs", "install", "--local", "--skip-repo")
	git(t, clone, "lfs", "pull")
	got, err := os.ReadFile(filepath.Join(clone, "model.bin"))
	if err != nil || string(got) != content {
		t.Errorf("the clone has %d bytes, %v", len(got), err)
	}
}

// forgeDouble is a forge in front of another host's repositories: it wants a token and says where LFS objects are as a
// Gitea does.
func forgeDouble(t *testing.T, token string) (*rig, string) {
	inner := newRig(t)
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, pass, ok := req.BasicAuth(); !ok || pass != token {
			w.Header().Set("WWW-Authenticate", `Basic realm="Gitea"`)
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		rest, ok := strings.CutPrefix(req.URL.Path, "/sub/team/")
		if !ok {
			http.Error(w, req.URL.Path, http.StatusTeapot)
			return
		}
		if name, isBatch := strings.CutSuffix(rest, ".git/info/lfs/objects/batch"); isBatch {
			var in lfs.Batch
			if err := json.NewDecoder(req.Body).Decode(&in); err != nil {
				t.Error(err)
			}
			out := lfs.Answer{Transfer: "basic"}
			for _, o := range in.Objects {
				href := server.URL + "/sub/team/" + name + ".git/info/lfs/objects/" + o.OID
				o.Actions = map[string]*lfs.Action{
					"upload":   {Href: href, Header: map[string]string{"Authorization": "Bearer of-the-forge", "X-Kept": "1"}},
					"download": {Href: "https://objects.example.com/signed?x=1", Header: map[string]string{"Authorization": "signed"}},
				}
				out.Objects = append(out.Objects, o)
			}
			if err := json.NewEncoder(w).Encode(out); err != nil {
				t.Error(err)
			}
			return
		}
		req.URL.Path = "/git/" + rest
		inner.ServeHTTP(w, req)
	}))
	t.Cleanup(server.Close)
	return inner, server.URL + "/sub"
}

func TestForge(t *testing.T) {
	t.Parallel()
	const token = "forge-token"
	inner, url := forgeDouble(t, token)
	have := token
	passed := make(chan string, 10)
	r := newRig(t, func(c *Config) {
		c.Forge = forgesOf(map[string]func() Forge{"office": func() Forge { return Forge{URL: url, Token: have} }})
		c.Passed = func(name string) { passed <- name }
	})
	through := r.url + "/git/~office/team/demo.git"
	dir := working(t, "main")
	git(t, dir, "push", "-q", through, "main")
	if told := inner.told(); len(told) != 1 || told[0].Repository != "demo" {
		t.Errorf("the forge was told %+v", told)
	}
	select {
	case name := <-passed:
		if name != "office" {
			t.Errorf("told of a push to %q", name)
		}
	case <-time.After(30 * time.Second):
		t.Error("nobody was told of the push")
	}
	clone := filepath.Join(t.TempDir(), "clone")
	git(t, dir, "clone", "-q", through, clone)
	config, err := os.ReadFile(filepath.Join(clone, ".git", "config"))
	if err != nil || strings.Contains(string(config), token) {
		t.Errorf("the clone's config: %s, %v", config, err)
	}

	offer := batch(t, through, "upload", lfs.BatchObject{OID: oidOf("x"), Size: 1}).Objects[0]
	up := offer.Actions["upload"]
	if up.Href != through+"/info/lfs/objects/"+oidOf("x") || up.Header["Authorization"] != "Bearer tok" || up.Header["X-Kept"] != "1" {
		t.Errorf("upload: %+v", up)
	}
	if down := offer.Actions["download"]; down.Href != "https://objects.example.com/signed?x=1" || down.Header["Authorization"] != "signed" {
		t.Errorf("download from another host: %+v", down)
	}
	if res := ask(t, "PUT", up.Href, "x"); res.StatusCode != 200 {
		t.Errorf("an object through the proxy: %d", res.StatusCode)
	}

	for path, status := range map[string]int{
		"~office/team/demo.git/raw/main.py":                        404,
		"~office/api/v1/user":                                      404,
		"~office/../x.git/info/refs":                               404,
		"~office/team/demo.git/info/lfs/../../../x":                404,
		"~other/team/demo.git/info/refs?service=git-upload-pack":   404,
		"~office/team/none.git/info/refs?service=git-upload-pack":  404,
		"~office/team/demo.git/info/refs?service=git-receive-pack": 200,
	} {
		req := ask(t, "GET", r.url+"/git/"+path, "")
		if req.StatusCode != status {
			t.Errorf("%s: %d, want %d", path, req.StatusCode, status)
		}
	}
	have = "revoked"
	res := ask(t, "GET", through+"/info/refs?service=git-upload-pack", "")
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusBadGateway || !strings.Contains(string(body), "refused its token") || res.Header.Get("Www-Authenticate") != "" {
		t.Errorf("with a revoked token: %d %s %v", res.StatusCode, body, err)
	}
}
