package gateway

import (
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aictl/configs"
)

func TestTakesCanary(t *testing.T) {
	never := func() float64 { return 0.9999 }
	always := func() float64 { return 0 }
	c := Canary{Release: "r2", Weight: 10, HeaderName: "X-Canary", HeaderValue: "1"}
	none := Canary{Release: "r2", HeaderName: "X-Canary", HeaderValue: "1"}
	for name, tc := range map[string]struct {
		canary  Canary
		header  string
		session string
		draw    func() float64
		want    bool
	}{
		"drawn":                       {c, "", "", always, true},
		"not drawn":                   {c, "", "", never, false},
		"the bound is outside":        {c, "", "", func() float64 { return 0.1 }, false},
		"below the bound":             {c, "", "", func() float64 { return 0.0999 }, true},
		"header wins":                 {c, "1", "", never, true},
		"another value does not":      {c, "0", "", never, false},
		"header wins over session":    {c, "1", "s-live", never, true},
		"no weight":                   {none, "", "", always, false},
		"no weight, header":           {none, "1", "", always, true},
		"no weight, session":          {none, "", "s", always, false},
		"all":                         {Canary{Weight: 100}, "", "", never, true},
		"all, whatever the session":   {Canary{Weight: 100}, "", "s", never, true},
		"a session is not drawn anew": {Canary{Release: "r2", Weight: 50}, "", "s", always, drawn("r2", "s") < 0.5},
	} {
		t.Run(name, func(t *testing.T) {
			h := http.Header{}
			if tc.header != "" {
				h.Set("X-Canary", tc.header)
			}
			if got := takesCanary(&tc.canary, h, tc.session, tc.draw); got != tc.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// Sessions are spread by the weight, and those on the canary stay there when it grows.
func TestSessionsStayOnTheirSide(t *testing.T) {
	onCanary := 0
	for k := range 10000 {
		session := fmt.Sprintf("session-%d", k)
		small := takesCanary(&Canary{Release: "r2", Weight: 20}, nil, session, nil)
		large := takesCanary(&Canary{Release: "r2", Weight: 30}, nil, session, nil)
		if small && !large {
			t.Fatalf("%s left the canary as its weight grew", session)
		}
		if small {
			onCanary++
		}
	}
	if onCanary < 1800 || onCanary > 2200 {
		t.Errorf("%d of 10000 sessions are on a canary of 20 %%", onCanary)
	}
}

func TestStickyOf(t *testing.T) {
	r, err := http.NewRequest(http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Session-Id", "h")
	r.AddCookie(&http.Cookie{Name: "sid", Value: "c"})
	for where, want := range map[string]string{"header:x-session-id": "h", "cookie:sid": "c", "cookie:other": "", "json:$.user": "", "": ""} {
		if got := stickyOf(Route{Record: configs.Record{Session: where}}).of(r); got != want {
			t.Errorf("record.session %q: %q", where, got)
		}
	}
	both := Route{Gateway: configs.Gateway{Sticky: "cookie:sid"}, Record: configs.Record{Session: "header:X-Session-ID"}}
	if got := stickyOf(both).of(r); got != "c" {
		t.Errorf("gateway.sticky does not win: %q", got)
	}
}

func TestTally(t *testing.T) {
	var s tally
	for k := range 100 {
		s.add(time.Duration(k+1)*time.Millisecond, k == 0)
	}
	got := s.stats()
	if got.Requests != 100 || got.Errors != 1 {
		t.Errorf("%+v", got)
	}
	for q, c := range map[string][2]time.Duration{"p50": {got.P50, 50 * time.Millisecond}, "p95": {got.P95, 95 * time.Millisecond}} {
		if f := float64(c[0]) / float64(c[1]); f < 0.95 || f > 1.05 {
			t.Errorf("%s is %s, want about %s", q, c[0], c[1])
		}
	}
	if got := new(tally).stats(); got != (SideStats{}) {
		t.Errorf("of nothing: %+v", got)
	}
	for _, d := range []time.Duration{-time.Second, 0, time.Nanosecond, time.Hour, 1000 * time.Hour} {
		s.add(d, false)
	}
}

// side is an instance that says which release it is of.
func side(t *testing.T, release string) Target {
	return Target{Instance: "svc/" + release, Release: release, Addr: upstream(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/fail" {
			w.WriteHeader(500)
		}
		if _, err := io.WriteString(w, release); err != nil {
			t.Log(err)
		}
	})}
}

func TestCanarySplitsRequests(t *testing.T) {
	var next atomic.Int64 // hundredths
	r := newRig(t, Options{Rand: func() float64 { return float64(next.Add(1)-1) / 100 }})
	live, second := side(t, "r1"), side(t, "r2")
	since := time.Unix(1000, 0)
	rt := Route{Service: "svc", Targets: []Target{live}, Canary: &Canary{Release: "r2", Since: since, Weight: 25, HeaderName: "X-Canary", HeaderValue: "yes", Targets: []Target{second}}}
	r.set(t, rt)
	c, answered := client(t), map[string]int{}
	ask := func(path, header string) string {
		req, err := http.NewRequest(http.MethodGet, r.url+"/ai/svc"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			req.Header.Set("X-Canary", header)
		}
		res, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return readAll(t, res)
	}
	for range 100 {
		answered[ask("/", "")]++
	}
	if answered["r2"] != 25 || answered["r1"] != 75 {
		t.Errorf("answered by %v", answered)
	}
	if got := ask("/fail", "yes"); got != "r2" {
		t.Errorf("the header led to %s", got)
	}
	waitFor(t, "all to be counted", func() bool { s, _ := r.CanaryStats("svc"); return s.Canary.Requests+s.Live.Requests == 101 })
	stats, ok := r.CanaryStats("svc")
	if !ok || stats.Canary.Requests != 26 || stats.Canary.Errors != 1 || stats.Live.Requests != 75 || stats.Live.Errors != 0 || stats.Canary.P95 <= 0 {
		t.Errorf("%+v", stats)
	}
	byRelease := map[string]int{}
	waitFor(t, "all to be recorded", func() bool { _, n := r.rec.counts(); return n == 101 })
	for _, x := range r.rec.ended {
		byRelease[x.Release]++
	}
	if byRelease["r1"] != 75 || byRelease["r2"] != 26 {
		t.Errorf("recorded %v", byRelease)
	}
	// Another weight goes on counting, another canary does not.
	rt.Canary = &Canary{Release: "r2", Since: since, Weight: 100, Targets: []Target{second}}
	r.set(t, rt)
	if s, _ := r.CanaryStats("svc"); s.Canary.Requests != 26 {
		t.Errorf("counts after a new weight: %+v", s)
	}
	rt.Canary = &Canary{Release: "r2", Since: since.Add(1), Weight: 100, Targets: []Target{second}}
	r.set(t, rt)
	if s, _ := r.CanaryStats("svc"); s.Canary.Requests != 0 {
		t.Errorf("counts of a new canary: %+v", s)
	}
	rt.Canary = nil
	r.set(t, rt)
	if got := ask("/", "yes"); got != "r1" {
		t.Errorf("after the end %s answers", got)
	}
	if _, ok := r.CanaryStats("svc"); ok {
		t.Error("an ended canary has stats")
	}
}

func TestUnhealthyCanaryLeavesAllToLive(t *testing.T) {
	r := newRig(t, Options{Rand: func() float64 { return 0 }})
	live := side(t, "r1")
	for name, targets := range map[string][]Target{
		"no target":   nil,
		"unreachable": {{Instance: "svc/9", Release: "r2", Addr: refused(t)}},
	} {
		r.set(t, Route{Service: "svc", Targets: []Target{live}, Canary: &Canary{Release: "r2", Weight: 100, Targets: targets}})
		if res, body := get(t, r.url+"/ai/svc/"); res.StatusCode != 200 || body != "r1" {
			t.Errorf("%s: %d %s", name, res.StatusCode, body)
		}
	}
}

// An instance of a canary is drained like any other: what runs ends, nothing new comes.
func TestCanaryIsDrained(t *testing.T) {
	r := newRig(t, Options{Rand: func() float64 { return 0 }})
	begun, finish := make(chan struct{}), make(chan struct{})
	slow := Target{Instance: "svc/2", Release: "r2", Addr: upstream(t, func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-finish
	})}
	live := side(t, "r1")
	r.set(t, Route{Service: "svc", Targets: []Target{live}, Canary: &Canary{Release: "r2", Weight: 100, Targets: []Target{slow}}})
	status := make(chan int, 1)
	go func() {
		res, err := http.Get(r.url + "/ai/svc/")
		if err != nil {
			status <- 0
			return
		}
		status <- res.StatusCode
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	}()
	<-begun
	r.set(t, Route{Service: "svc", Targets: []Target{live}})
	drained := make(chan error, 1)
	go func() { drained <- r.Drain(t.Context(), "svc/2") }()
	if r.InFlight("svc/2") != 1 {
		t.Error("the request does not count as running")
	}
	close(finish)
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if got := <-status; got != 200 {
		t.Errorf("the running request was answered %d", got)
	}
	http.DefaultClient.CloseIdleConnections()
}

// Whatever happens to a canary while requests come, each of them is answered, by one of the two releases.
func TestCanaryComesAndGoesUnderLoad(t *testing.T) {
	r := newRig(t, Options{})
	live, second := side(t, "r1"), side(t, "r2")
	with := func(c *Canary) Route { return Route{Service: "svc", Targets: []Target{live}, Canary: c} }
	r.set(t, with(nil))
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 4 {
		c := client(t)
		wg.Go(func() {
			for range 60 {
				res, err := c.Get(r.url + "/ai/svc/")
				if err != nil {
					t.Error(err)
					return
				}
				if text := readAll(t, res); res.StatusCode != 200 || text != "r1" && text != "r2" {
					t.Errorf("%d %s", res.StatusCode, text)
				}
			}
		})
	}
	go func() { wg.Wait(); close(stop) }()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		since := time.Unix(int64(n/8), 0)
		r.set(t, with(&Canary{Release: "r2", Since: since, Weight: float64(n % 101), Targets: []Target{second}}))
		r.set(t, with(&Canary{Release: "r2", Since: since, Weight: 50}))
		r.set(t, with(nil))
		if err := r.Drain(t.Context(), "svc/r2"); err != nil {
			t.Error(err)
		}
	}
}
