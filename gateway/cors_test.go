package gateway

import (
	"net/http"
	"strings"
	"testing"

	"aictl/configs"
)

func TestOrigins(t *testing.T) {
	c := newCORS(configs.CORS{Origins: []string{"https://app.example.com", "https://*.example.org", "http://*.lab:8080", "http://localhost:3000"}})
	for origin, want := range map[string]bool{
		"https://app.example.com":        true,
		"http://app.example.com":         false,
		"https://app.example.com:8443":   false,
		"https://app.example.com.evil":   false,
		"https://a.example.org":          true,
		"https://a.b.example.org":        true,
		"https://example.org":            false,
		"https://.example.org":           false,
		"https://evil.com/.example.org":  false,
		"https://evil.com#.example.org":  false,
		"https://user@a.example.org":     false,
		"https://evilexample.org":        false,
		"http://x.lab:8080":              true,
		"http://x.lab":                   false,
		"http://evil.com:8080/.lab:8080": false,
		"http://localhost:3000":          true,
		"null":                           false,
		"":                               false,
	} {
		if c.allows(origin) != want {
			t.Errorf("%s: allowed %t", origin, !want)
		}
	}
	if newCORS(configs.CORS{Methods: []string{"GET"}}) != nil {
		t.Error("rules without origins")
	}
}

func TestCORS(t *testing.T) {
	g := newRig(t, Options{})
	asked := 0
	addr := upstream(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Allow-Methods", "EVERYTHING")
		w.Header().Set("Vary", "Accept")
	})
	g.limited(t, configs.Gateway{Keys: configs.KeysOptional, CORS: configs.CORS{
		Origins: []string{"https://app.example.com"}, Expose: []string{"X-Cost"}, Credentials: true}}, addr)
	ask := func(method string, body bool, header ...string) *http.Response {
		t.Helper()
		req, err := http.NewRequest(method, g.url+"/ai/svc/", nil)
		if body {
			req, err = http.NewRequest(method, g.url+"/ai/svc/", endless{})
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		res, err := client(t).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		readAll(t, res)
		return res
	}
	one := func(res *http.Response, name, want string) {
		t.Helper()
		if got := strings.Join(res.Header.Values(name), " | "); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}

	pre := ask("OPTIONS", false, "Origin", "https://app.example.com", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "x-a, content-type")
	if pre.StatusCode != 204 || asked != 0 {
		t.Errorf("preflight: %d, the instance was asked %d times", pre.StatusCode, asked)
	}
	one(pre, "Access-Control-Allow-Origin", "https://app.example.com")
	one(pre, "Access-Control-Allow-Methods", corsMethods)
	one(pre, "Access-Control-Allow-Headers", "x-a, content-type")
	one(pre, "Access-Control-Allow-Credentials", "true")
	one(pre, "Access-Control-Max-Age", "600")
	one(pre, "Vary", "Origin | Access-Control-Request-Headers")
	if res := ask("OPTIONS", false, "Origin", "https://evil.com", "Access-Control-Request-Method", "POST"); res.StatusCode != 403 || res.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin's preflight: %d", res.StatusCode)
	}
	if res := ask("OPTIONS", false); res.StatusCode != 200 || asked != 1 {
		t.Errorf("OPTIONS that is no preflight: %d, asked %d times", res.StatusCode, asked)
	}

	for _, overProxy := range []bool{false, true} {
		res := ask("POST", overProxy, "Origin", "https://app.example.com")
		one(res, "Access-Control-Allow-Origin", "https://app.example.com")
		one(res, "Access-Control-Allow-Methods", "")
		one(res, "Access-Control-Allow-Credentials", "true")
		if vary := strings.Join(res.Header.Values("Vary"), ", "); !strings.Contains(vary, "Origin") || !strings.Contains(vary, "Accept") {
			t.Errorf("Vary %q", vary)
		}
		if e := res.Header.Get("Access-Control-Expose-Headers"); !strings.Contains(e, HeaderRecord) || !strings.HasSuffix(e, "X-Cost") {
			t.Errorf("exposed %q", e)
		}
		res = ask("POST", overProxy, "Origin", "https://evil.com")
		one(res, "Access-Control-Allow-Origin", "")
		res = ask("POST", overProxy)
		one(res, "Access-Control-Allow-Origin", "")
	}

	// A page may read refusals, too; it needs a key for the request, but not for the preflight.
	g.limited(t, configs.Gateway{Keys: configs.KeysRequired, CORS: configs.CORS{Origins: []string{"*"}}}, addr)
	pre = ask("OPTIONS", false, "Origin", "https://any.com", "Access-Control-Request-Method", "POST")
	one(pre, "Access-Control-Allow-Origin", "*")
	one(pre, "Vary", "")
	res := ask("POST", false, "Origin", "https://any.com")
	if res.StatusCode != 401 {
		t.Errorf("without a key: %d", res.StatusCode)
	}
	one(res, "Access-Control-Allow-Origin", "*")
	one(res, "Access-Control-Allow-Credentials", "")
	if n := g.refusedBy("no_key"); n != 1 {
		t.Errorf("%d counted", n)
	}
}

// Nothing but a host below the one that is named is taken for one.
func FuzzWildcard(f *testing.F) {
	for _, s := range []string{"https://a.example.org", "https://example.org", "https://evil.com/.example.org", "https://a@b.example.org", "https://a..example.org"} {
		f.Add(s)
	}
	c := newCORS(configs.CORS{Origins: []string{"https://*.example.org"}})
	f.Fuzz(func(t *testing.T, origin string) {
		if !c.allows(origin) {
			return
		}
		rest, ok := strings.CutPrefix(origin, "https://")
		names, below := strings.CutSuffix(rest, ".example.org")
		if !ok || !below || names == "" || strings.ContainsAny(names, "/:@?#") {
			t.Errorf("%q is allowed", origin)
		}
	})
}
