package gitea

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"aictl/internal/giteatest"
)

// TestContractScopes asks about tokens with few scopes, at the Gitea for tests and at a real one: see TestContract.
func TestContractScopes(t *testing.T) {
	double := giteatest.New(t, giteatest.Options{})
	double.Org("contract-org", "scoped")
	servers := map[string]func(scopes ...string) *Client{"double": func(scopes ...string) *Client {
		return client(t, double.URL, double.Token("scoped", scopes...))
	}}
	if at := os.Getenv("AICTL_GITEA_URL"); at != "" {
		servers["real"] = realTokens(t, at, os.Getenv("AICTL_GITEA_TOKEN"))
	}
	for name, with := range servers {
		t.Run(name, func(t *testing.T) {
			for has, lacks := range map[string]string{
				"read:repository":                               "read:user write:repository write:user read:organization write:organization",
				"read:user read:repository":                     "write:repository write:user read:organization write:organization",
				"write:repository":                              "read:user write:user read:organization write:organization",
				"write:user":                                    "read:repository write:repository read:organization write:organization",
				"write:user write:repository":                   "read:organization write:organization",
				"read:organization write:user":                  "read:repository write:repository write:organization",
				"write:organization read:user":                  "read:repository write:repository write:user",
				"read:misc":                                     "read:user read:repository write:repository write:user read:organization write:organization",
				"write:repository read:user write:organization": "write:user",
			} {
				up, err := with(strings.Fields(has)...).Checkup(t.Context(), "")
				var missing []string
				for _, g := range up.Missing() {
					missing = append(missing, g.Scope)
				}
				if got := strings.Join(missing, " "); err != nil || got != lacks {
					t.Errorf("a token with %s lacks %q, %v; want %q", has, got, err, lacks)
				}
			}
		})
	}
}

// realTokens makes tokens at a real Gitea, of an account that it makes for this.
func realTokens(t *testing.T, at, admin string) func(scopes ...string) *Client {
	t.Helper()
	user, password := "scoped-"+strings.ToLower(rand.Text()[:8]), "Secret-"+rand.Text()
	post := func(path string, in any, auth func(*http.Request), out any) {
		t.Helper()
		data, err := json.Marshal(in)
		must(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at+"/api/v1"+path, bytes.NewReader(data))
		must(t, err)
		req.Header.Set("Content-Type", "application/json")
		auth(req)
		res, err := http.DefaultClient.Do(req)
		must(t, err)
		defer res.Body.Close()
		if res.StatusCode != http.StatusCreated {
			t.Fatalf("POST %s: %s", path, res.Status)
		}
		must(t, json.NewDecoder(res.Body).Decode(out))
	}
	post("/admin/users", map[string]any{"username": user, "password": password, "email": user + "@example.invalid", "must_change_password": false},
		func(r *http.Request) { r.Header.Set("Authorization", "token "+admin) }, &struct{}{})
	return func(scopes ...string) *Client {
		var made struct {
			SHA1 string `json:"sha1"`
		}
		post("/users/"+user+"/tokens", map[string]any{"name": fmt.Sprint(rand.Text()), "scopes": scopes},
			func(r *http.Request) { r.SetBasicAuth(user, password) }, &made)
		return client(t, at, made.SHA1)
	}
}
