package gateway

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"aictl/configs"
	"aictl/store/records"
)

// got is a request as an instance has received it.
type got struct {
	method, uri, body string
	header            http.Header
}

// listener is an instance that notes what it receives, and answers what reply does.
type listener struct {
	mu   sync.Mutex
	seen []got
}

func (l *listener) target(t *testing.T, instance, release string, reply http.HandlerFunc) Target {
	return Target{Instance: instance, Release: release, Addr: upstream(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Log(err)
		}
		l.mu.Lock()
		l.seen = append(l.seen, got{r.Method, r.RequestURI, string(body), r.Header.Clone()})
		l.mu.Unlock()
		reply(w, r)
	})}
}

func (l *listener) all() []got {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]got(nil), l.seen...)
}

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if _, err := io.WriteString(w, text); err != nil {
			return
		}
	}
}

// shadowRig is service svc with a live instance and a shadow of release r2.
func shadowRig(t *testing.T, opt Options, percent float64, shadow Target) *rig {
	r := newRig(t, opt)
	live := Target{Instance: "svc/1", Release: "r1", Addr: upstream(t, says("live"))}
	r.set(t, Route{Service: "svc", Targets: []Target{live}, Shadow: &Shadow{Service: "svc", Release: "r2", Percent: percent, Targets: []Target{shadow}}})
	return r
}

func (r *rig) shadow() ShadowStats { return r.ShadowStats()["svc"] }

// bySource waits for so many records and returns them by who made them.
func (r *rig) bySource(t *testing.T, n int) map[records.Source][]*records.Exchange {
	t.Helper()
	waitFor(t, fmt.Sprintf("%d records", n), func() bool { _, ended := r.rec.counts(); return ended == n })
	by := map[records.Source][]*records.Exchange{}
	for _, x := range r.rec.ended {
		by[x.Source] = append(by[x.Source], x)
	}
	return by
}

func TestShadowGetsACopy(t *testing.T) {
	var l listener
	r := shadowRig(t, Options{}, 100, l.target(t, "svc/2", "r2", says("shadow")))
	for _, body := range []string{"", `{"a":1}`, strings.Repeat("x", 100_000)} { // none, a short one, one that goes over the ReverseProxy
		res, text := do(t, http.MethodPost, r.url+"/ai/svc/pre%20dict?q=a;b", strings.NewReader(body))
		if res.StatusCode != 200 || text != "live" {
			t.Fatalf("%d %s", res.StatusCode, text)
		}
	}
	by := r.bySource(t, 6)
	if len(by[records.SourceShadow]) != 3 {
		t.Fatalf("records %v", by)
	}
	copies := map[string]*records.Exchange{}
	for _, x := range by[records.SourceShadow] {
		copies[x.Tags[TagShadowOf]] = x
	}
	for _, x := range by[records.SourceGateway] {
		c := copies[x.ID]
		if c == nil || c.Tags[TagShadowService] != "svc" || c.TraceID != x.TraceID || c.Release != "r2" || c.Instance != "svc/2" || x.Release != "r1" ||
			c.Path != "/pre%20dict" || c.Query != x.Query || c.Request.SHA256 != x.Request.SHA256 || string(c.Response.Body) != "shadow" || c.End != records.EndComplete {
			t.Errorf("copy %+v\nof %+v", c, x)
		}
	}
	for _, g := range l.all() {
		if g.method != http.MethodPost || g.uri != "/pre%20dict?q=a;b" || g.header.Get(HeaderShadow) == "" || g.header.Get("X-Forwarded-Prefix") != "/ai/svc" {
			t.Errorf("the shadow got %.200v", g)
		}
	}
	if s := r.shadow(); s.Sent != 3 || s.Errors != 0 || len(s.Dropped) != 0 || s.P95 <= 0 {
		t.Errorf("%+v", s)
	}
	if n := r.Traffic()["svc"].Requests; n != 3 {
		t.Errorf("%d requests are counted for 3", n)
	}
}

func TestShadowOfAnotherService(t *testing.T) {
	var l listener
	r := newRig(t, Options{})
	live := Target{Instance: "svc/1", Release: "r1", Addr: upstream(t, says("live"))}
	r.set(t, Route{Service: "next", Targets: []Target{l.target(t, "next/1", "r7", says("next"))}})
	r.set(t, Route{Service: "svc", Targets: []Target{live}, Shadow: &Shadow{Service: "next", Percent: 100}})
	get(t, r.url+"/ai/svc/x")
	by := r.bySource(t, 2)
	if c := by[records.SourceShadow]; len(c) != 1 || c[0].Service != "next" || c[0].Release != "r7" {
		t.Errorf("records %+v", by)
	}
	if n := r.Traffic()["next"].Requests; n != 0 {
		t.Errorf("%d requests of copies are counted", n)
	}
	r.RemoveRoute("next")
	get(t, r.url+"/ai/svc/x")
	waitFor(t, "the copy to be dropped", func() bool { return r.shadow().Dropped["no_instance"] == 1 })
}

// Services that are each other's shadows, and one that passes its headers on, make no loop.
func TestShadowsMakeNoLoop(t *testing.T) {
	var a, b listener
	r := newRig(t, Options{})
	ta, tb := a.target(t, "a/1", "r1", says("a")), b.target(t, "b/1", "r1", says("b"))
	r.set(t, Route{Service: "a", Targets: []Target{ta}, Shadow: &Shadow{Service: "b", Percent: 100}})
	r.set(t, Route{Service: "b", Targets: []Target{tb}, Shadow: &Shadow{Service: "a", Percent: 100}})
	get(t, r.url+"/ai/a/")
	r.bySource(t, 2)
	req, err := http.NewRequest(http.MethodGet, r.url+"/ai/a/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(HeaderShadow, b.all()[0].header.Get(HeaderShadow))
	res, err := client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	readAll(t, res)
	waitFor(t, "it to be dropped", func() bool { return r.ShadowStats()["a"].Dropped["loop"] == 1 })
	if len(a.all()) != 2 || len(b.all()) != 1 {
		t.Errorf("a got %d, b got %d", len(a.all()), len(b.all()))
	}
}

func TestWhatIsNotCopied(t *testing.T) {
	var l listener
	r := newRig(t, Options{})
	live := Target{Instance: "svc/1", Release: "r1", Addr: upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			t.Log(err)
		}
	})}
	rt := Route{Service: "svc", Targets: []Target{live}, Record: configs.Record{MaxBody: 100},
		Shadow: &Shadow{Service: "svc", Release: "r2", Percent: 100, Targets: []Target{l.target(t, "svc/2", "r2", says("shadow"))}}}
	r.set(t, rt)
	do(t, http.MethodPost, r.url+"/ai/svc/", strings.NewReader(strings.Repeat("x", 101)))                              // cut
	do(t, http.MethodPost, r.url+"/ai/svc/", io.MultiReader(strings.NewReader("of "), strings.NewReader("no length"))) // whole
	waitFor(t, "the whole one to be sent", func() bool { return r.shadow().Sent == 1 })
	if s := r.shadow(); s.Dropped["body_not_kept"] != 1 || l.all()[0].body != "of no length" {
		t.Errorf("%+v, the shadow got %+v", s, l.all())
	}
	rt.Targets = []Target{{Instance: "svc/3", Release: "r1", Addr: refused(t)}}
	r.set(t, rt)
	get(t, r.url+"/ai/svc/")
	waitFor(t, "it to be counted", func() bool { return r.shadow().Dropped["unanswered"] == 1 })
}

func TestShadowOfSomeRequests(t *testing.T) {
	var l listener
	draws := make(chan float64, 4)
	for _, d := range []float64{0.24, 0.25, 0.9, 0} {
		draws <- d
	}
	r := shadowRig(t, Options{Rand: func() float64 { return <-draws }}, 25, l.target(t, "svc/2", "r2", says("shadow")))
	for range 4 {
		get(t, r.url+"/ai/svc/")
	}
	r.bySource(t, 6)
	if n := len(l.all()); n != 2 {
		t.Errorf("%d copies", n)
	}
}

// A shadow that hangs costs the clients nothing, and no more memory than its queue has.
func TestShadowThatHangs(t *testing.T) {
	release := make(chan struct{})
	var l listener
	shadow := l.target(t, "svc/2", "r2", func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	r := shadowRig(t, Options{ShadowTimeout: time.Hour}, 100, shadow)
	c := client(t)
	const many = copyCount + 100
	for range many {
		res, err := c.Post(r.url+"/ai/svc/", "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		if text := readAll(t, res); text != "live" {
			t.Fatal(text)
		}
	}
	s := r.shadow()
	if s.Waiting != copyCount || s.Bytes > copyBytes || s.Dropped["queue_full"] == 0 || s.Sent != 0 {
		t.Errorf("%+v", s)
	}
	waitFor(t, "no more copies under way than goroutines", func() bool { return r.InFlight("svc/2") == copyWorkers })
	big := strings.Repeat("x", 1<<20)
	var reads listener
	r.set(t, Route{Service: "svc", Targets: []Target{reads.target(t, "svc/3", "r1", says("live"))},
		Shadow: &Shadow{Service: "svc", Release: "r2", Since: time.Unix(1, 0), Percent: 100, Targets: []Target{shadow}}})
	for range copyBytes>>20 + 5 {
		do(t, http.MethodPost, r.url+"/ai/svc/", strings.NewReader(big))
	}
	if s := r.shadow(); s.Bytes > copyBytes || s.Dropped["bytes_full"] == 0 {
		t.Errorf("%+v", s)
	}
	if err := r.stop(); err != nil { // it does not wait for the shadow
		t.Error(err)
	}
	if s := r.shadow(); s.Waiting != 0 || s.Bytes != 0 || r.shadows.bytes.Load() != 0 {
		t.Errorf("after the end %+v, %d bytes of all", s, r.shadows.bytes.Load())
	}
}

func TestShadowThatIsTooSlow(t *testing.T) {
	var l listener
	shadow := l.target(t, "svc/2", "r2", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	r := shadowRig(t, Options{ShadowTimeout: 50 * time.Millisecond}, 100, shadow)
	get(t, r.url+"/ai/svc/")
	c := r.bySource(t, 2)[records.SourceShadow]
	if len(c) != 1 || c[0].End != records.EndTimeout || !strings.Contains(c[0].Error, "did not answer in time") {
		t.Errorf("%+v", c)
	}
	waitFor(t, "it to count as an error", func() bool { s := r.shadow(); return s.Sent == 1 && s.Errors == 1 && s.Waiting == 0 })
}

func TestShadowThatCrashes(t *testing.T) {
	var l listener
	for name, shadow := range map[string]Target{
		"in its answer": l.target(t, "svc/2", "r2", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(200)
			panic(http.ErrAbortHandler)
		}),
		"before": {Instance: "svc/2", Release: "r2", Addr: refused(t)},
		"badly":  l.target(t, "svc/2", "r2", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }),
	} {
		t.Run(name, func(t *testing.T) {
			r := shadowRig(t, Options{}, 100, shadow)
			for range 3 {
				if res, text := get(t, r.url+"/ai/svc/"); res.StatusCode != 200 || text != "live" {
					t.Fatalf("%d %s", res.StatusCode, text)
				}
			}
			waitFor(t, "all to be sent", func() bool { return r.shadow().Sent == 3 })
			by := r.bySource(t, 6)
			if len(by[records.SourceGateway]) != 3 {
				t.Errorf("records %v", by)
			}
			for _, x := range by[records.SourceGateway] {
				if x.End != records.EndComplete || x.Status != 200 {
					t.Errorf("live record %+v", x)
				}
			}
		})
	}
}

// A shadow that ends drops what waits and cuts what is under way: its instance, which hangs, is drained at once.
func TestShadowEnds(t *testing.T) {
	begun := make(chan struct{}, 1)
	var l listener
	shadow := l.target(t, "svc/2", "r2", func(_ http.ResponseWriter, r *http.Request) { begun <- struct{}{}; <-r.Context().Done() })
	r := shadowRig(t, Options{ShadowTimeout: time.Hour}, 100, shadow)
	get(t, r.url+"/ai/svc/")
	<-begun
	copies := r.table.find("svc").shade.copies
	r.set(t, Route{Service: "svc", Targets: []Target{{Instance: "svc/1", Release: "r1", Addr: upstream(t, says("live"))}}})
	if err := r.Drain(t.Context(), "svc/2"); err != nil {
		t.Error(err)
	}
	if _, ok := r.ShadowStats()["svc"]; ok {
		t.Error("an ended shadow has stats")
	}
	if c := r.bySource(t, 2)[records.SourceShadow]; len(c) != 1 || c[0].End != records.EndShutdown {
		t.Errorf("%+v", c)
	}
	waitFor(t, "nothing to wait", func() bool { return copies.stats().Waiting == 0 })
	if copies.reserve(1) || copies.stats().Dropped["ended"] != 1 {
		t.Errorf("a closed queue takes copies: %+v", copies.stats())
	}
}
