package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"aictl/configs"
	"aictl/store/records"
)

func TestKeys(t *testing.T) {
	now := time.Now()
	g := newRig(t, Options{})
	seen := make(chan http.Header, 100)
	addr := upstream(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header })
	g.limited(t, configs.Gateway{Keys: configs.KeysRequired}, addr)
	g.SetKeys([]Key{
		{Name: "web", Service: "svc", Hash: HashKey("aictl_web")},
		{Name: "all", Hash: HashKey("aictl_all"), Expires: now.Add(time.Hour)},
		{Name: "old", Service: "svc", Hash: HashKey("aictl_old"), Expires: now.Add(-time.Second)},
		{Name: "other", Service: "ocr", Hash: HashKey("aictl_other")},
		{Name: "legacy", Service: "svc", Hash: HashKey("no-prefix")},
	})
	const bearer, own = "Authorization", "X-Api-Key"
	type header map[string]string
	for _, tc := range []struct {
		name   string
		send   header
		status int
		code   string
		key    string
		stays  header // what the instance sees
	}{
		{"none", nil, 401, "key_required", "", nil},
		{"bearer", header{bearer: "Bearer aictl_web"}, 200, "", "web", nil},
		{"bearer in small letters", header{bearer: "bearer  aictl_web"}, 200, "", "web", nil},
		{"own header", header{own: "aictl_all"}, 200, "", "all", nil},
		{"a key without the prefix", header{own: "no-prefix"}, 200, "", "legacy", nil},
		{"key and a password of the service's own", header{own: "aictl_web", bearer: "Basic eDp5"}, 200, "", "web", header{bearer: "Basic eDp5"}},
		{"key and a token of the service's own", header{own: "aictl_web", bearer: "Bearer theirs"}, 200, "", "web", header{bearer: "Bearer theirs"}},
		{"unknown", header{bearer: "Bearer aictl_nobody"}, 401, "key_unknown", "", nil},
		{"unknown without the prefix", header{bearer: "Bearer x"}, 401, "key_unknown", "", nil},
		{"password only", header{bearer: "Basic eDp5"}, 401, "key_required", "", nil},
		{"expired", header{own: "aictl_old"}, 401, "key_expired", "", nil},
		{"another service's", header{own: "aictl_other"}, 403, "key_not_allowed", "", nil},
		{"one that is good beside one that is not", header{own: "aictl_other", bearer: "Bearer aictl_web"}, 200, "", "web", nil},
		{"empty", header{own: "", bearer: "Bearer "}, 401, "key_unknown", "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, before := g.rec.counts()
			req, err := http.NewRequest("POST", g.url+"/ai/svc/", strings.NewReader("hello"))
			if err != nil {
				t.Fatal(err)
			}
			for name, v := range tc.send {
				req.Header.Set(name, v)
			}
			res, err := client(t).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			body := readAll(t, res)
			if res.StatusCode != tc.status || !strings.Contains(body, tc.code) || (res.Header.Get("WWW-Authenticate") != "") != (tc.status == 401) {
				t.Errorf("%d %s, %q", res.StatusCode, body, res.Header.Get("WWW-Authenticate"))
			}
			waitFor(t, "the record", func() bool { _, n := g.rec.counts(); return n == before+1 })
			x := g.rec.ended[before]
			if x.Tags["key"] != tc.key || (x.End == records.EndRefused) != (tc.status != 200) {
				t.Errorf("recorded %s by %q", x.End, x.Tags["key"])
			}
			if text := fmt.Sprint(x.Request.Header); strings.Contains(text, "aictl_") || strings.Contains(text, "no-prefix") {
				t.Errorf("recorded %s", text)
			}
			if tc.status != 200 {
				return
			}
			got := <-seen
			for _, name := range []string{bearer, own} {
				if got.Get(name) != tc.stays[name] {
					t.Errorf("the instance saw %s: %q", name, got.Get(name))
				}
			}
		})
	}
	if len(seen) > 0 {
		t.Error("a refused request reached the instance")
	}
}

// Services that ask for no keys are sent what the client sent.
func TestKeysAreLeftAlone(t *testing.T) {
	g := newRig(t, Options{})
	seen := make(chan string, 1)
	g.route(t, upstream(t, func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Get("X-Api-Key") }))
	g.SetKeys([]Key{{Name: "web", Hash: HashKey("aictl_web")}})
	if status := askWith(t, g, "aictl_web"); status != 200 || <-seen != "aictl_web" {
		t.Errorf("%d", status)
	}
}

func askWith(t testing.TB, g *rig, key string) int {
	t.Helper()
	req, err := http.NewRequest("GET", g.url+"/ai/svc/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("X-Api-Key", key)
	}
	res, err := client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	readAll(t, res)
	return res.StatusCode
}

func TestOptionalKeys(t *testing.T) {
	g := newRig(t, Options{})
	g.limited(t, configs.Gateway{Keys: configs.KeysOptional, Rate: configs.Rate{Requests: 1, Per: configs.Duration(time.Hour), By: "key"}},
		upstream(t, func(http.ResponseWriter, *http.Request) {}))
	g.SetKeys([]Key{{Name: "a", Hash: HashKey("aictl_a")}, {Name: "b", Hash: HashKey("aictl_b")},
		{Name: "fast", Hash: HashKey("aictl_fast"), Rate: configs.Rate{Requests: 1, Per: configs.Duration(time.Hour)}}})
	for i, tc := range []struct {
		key  string
		want int
	}{{"aictl_a", 200}, {"aictl_b", 200}, {"", 200}, {"aictl_a", 429}, {"", 429}, {"aictl_c", 401}} {
		if got := askWith(t, g, tc.key); got != tc.want {
			t.Errorf("request %d with %q: %d, want %d", i, tc.key, got, tc.want)
		}
	}
}

// A key's own rate holds for all services together, and changes of keys are in force at once and keep what was counted.
func TestKeyRateAndChanges(t *testing.T) {
	g := newRig(t, Options{})
	g.limited(t, configs.Gateway{Keys: configs.KeysRequired}, upstream(t, func(http.ResponseWriter, *http.Request) {}))
	key := Key{Name: "a", Hash: HashKey("aictl_a"), Rate: configs.Rate{Requests: 2, Per: configs.Duration(time.Hour)}}
	g.SetKeys([]Key{key})
	for i, want := range []int{200, 200, 429} {
		if got := askWith(t, g, "aictl_a"); got != want {
			t.Errorf("request %d: %d", i, got)
		}
	}
	g.SetKeys([]Key{key, {Name: "b", Hash: HashKey("aictl_b")}})
	if a, b := askWith(t, g, "aictl_a"), askWith(t, g, "aictl_b"); a != 429 || b != 200 {
		t.Errorf("after another key came: %d and %d", a, b)
	}
	g.SetKeys(nil)
	if got := askWith(t, g, "aictl_b"); got != 401 {
		t.Errorf("after it was revoked: %d", got)
	}
}

func TestKeysChangeUnderLoad(t *testing.T) {
	g := newRig(t, Options{})
	g.limited(t, configs.Gateway{Keys: configs.KeysRequired}, upstream(t, func(http.ResponseWriter, *http.Request) {}))
	stays := Key{Name: "stays", Hash: HashKey("aictl_stays")}
	g.SetKeys([]Key{stays})
	over := make(chan struct{})
	var changes, clients sync.WaitGroup
	changes.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-over:
				return
			default:
				g.SetKeys([]Key{stays, {Name: "new", Hash: HashKey(fmt.Sprint(i))}})
			}
		}
	})
	for range 4 {
		clients.Go(func() {
			for range 50 {
				if got := askWith(t, g, "aictl_stays"); got != 200 {
					t.Errorf("%d", got)
				}
			}
		})
	}
	clients.Wait()
	close(over)
	changes.Wait()
}
