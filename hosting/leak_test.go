package hosting

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"aictl/gitea/lfs"
)

// TestTokenOfAForgeStays: a Gitea repeats the credentials that it was asked with, beside addresses that it believes to have.
func TestTokenOfAForgeStays(t *testing.T) {
	t.Parallel()
	forge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		oid := oidOf("x")
		repeated := map[string]string{"Authorization": r.Header.Get("Authorization"), "X-Kept": "1"}
		out := lfs.Answer{Objects: []lfs.BatchObject{{OID: oid, Size: 1, Actions: map[string]*lfs.Action{
			"upload":   {Href: "https://git.example.com/sub/team/demo.git/info/lfs/objects/" + oid + "/1", Header: repeated},
			"verify":   {Href: "https://git.example.com/sub/team/demo.git/info/lfs/verify", Header: repeated},
			"download": {Href: "https://objects.example.com/" + oid, Header: repeated},
		}}}}
		if err := json.NewEncoder(w).Encode(out); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(forge.Close)
	r := newRig(t, func(c *Config) {
		c.Forge = forgesOf(map[string]func() Forge{"office": func() Forge { return Forge{URL: forge.URL, User: "bot", Token: "forge-token"} }})
	})
	through := r.url + "/git/~office/team/demo.git"
	actions := batch(t, through, "upload", lfs.BatchObject{OID: oidOf("x"), Size: 1}).Objects[0].Actions
	for name, a := range actions {
		if auth := a.Header["Authorization"]; auth != "" && auth != "Bearer tok" || a.Header["X-Kept"] != "1" {
			t.Errorf("%s: the caller is told %q", name, a.Header)
		}
	}
	if up := actions["upload"]; !strings.HasPrefix(up.Href, through+"/info/lfs/objects/") || up.Header["Authorization"] != "Bearer tok" {
		t.Errorf("upload: %+v", up)
	}
	if down := actions["download"]; down.Href != "https://objects.example.com/"+oidOf("x") {
		t.Errorf("download: %+v", down)
	}
}
