package gateway

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aictl/configs"
	"aictl/store/records"
)

func TestLimiter(t *testing.T) {
	second := func(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
	type ask struct {
		at   time.Duration
		ok   bool
		left int
		wait time.Duration
	}
	for _, tc := range []struct {
		name string
		conf configs.Rate
		asks []ask
	}{
		{"a burst, then one by one", configs.Rate{Requests: 2, Burst: 3}, []ask{
			{0, true, 2, 0}, {0, true, 1, 0}, {0, true, 0, 0}, {0, false, 0, second(0.5)}, {second(0.4), false, 0, second(0.1)},
			{second(0.5), true, 0, 0}, {second(0.6), false, 0, second(0.4)}, {second(10), true, 2, 0},
		}},
		{"the burst is the rate", configs.Rate{Requests: 2, Per: configs.Duration(time.Minute)}, []ask{
			{0, true, 1, 0}, {0, true, 0, 0}, {0, false, 0, second(30)}, {second(30), true, 0, 0}, {second(59), false, 0, second(1)},
		}},
		{"one", configs.Rate{Requests: 1, Burst: 1}, []ask{{0, true, 0, 0}, {second(0.999), false, 0, second(0.001)}, {second(1), true, 0, 0}}},
		{"a clock that steps back", configs.Rate{Requests: 1, Burst: 2}, []ask{{second(5), true, 1, 0}, {0, false, 0, second(5)}, {second(5), true, 0, 0}}},
	} {
		l, start := newLimiter(tc.conf), time.Unix(1_800_000_000, 0)
		for i, a := range tc.asks {
			v := l.ask("x", start.Add(a.at))
			if v.ok != a.ok || v.left != a.left || v.wait.Round(time.Microsecond) != a.wait {
				t.Errorf("%s, request %d: %t, %d left, wait %s; want %+v", tc.name, i, v.ok, v.left, v.wait, a)
			}
		}
	}
}

// Never more than the burst and what the time allows, however requests come.
func TestLimiterUnderLoad(t *testing.T) {
	l := newLimiter(configs.Rate{Requests: 1000, Burst: 50})
	start := time.Unix(1_800_000_000, 0)
	var passed atomic.Int64
	var wg sync.WaitGroup
	for c := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				if l.ask("x", start.Add(time.Duration(i)*time.Millisecond/2+time.Duration(c))).ok {
					passed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := passed.Load(); n > 1050 || n < 900 {
		t.Errorf("%d passed within a second", n)
	}
}

func TestLimiterForgets(t *testing.T) {
	l, now := newLimiter(configs.Rate{Requests: 1, Per: configs.Duration(time.Hour)}), time.Unix(1_800_000_000, 0)
	for i := range 3 * rateNames {
		if !l.ask(strconv.Itoa(i), now).ok {
			t.Fatal("a name that was not asked for before was refused")
		}
		if l.ask("hot", now).ok != (i == 0) {
			t.Fatal("a name in use was forgotten")
		}
	}
	if len(l.names) != rateNames || l.order.Len() != rateNames {
		t.Errorf("%d names are kept", len(l.names))
	}
}

func TestNetwork(t *testing.T) {
	for remote, want := range map[string]string{
		"10.1.2.3:4567": "10.1.2.3", "[::ffff:10.1.2.3]:1": "10.1.2.3", "[2001:db8:1:2:3:4:5:6]:9": "2001:db8:1:2::/64",
		"[fe80::1%eth0]:9": "fe80::/64", "@": "@", "": "",
	} {
		if got := network(remote); got != want {
			t.Errorf("%s: %s, want %s", remote, got, want)
		}
	}
}

func TestRateLimit(t *testing.T) {
	g := newRig(t, Options{})
	addr := upstream(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("RateLimit-Limit", "7") })
	conf := configs.Gateway{Rate: configs.Rate{Requests: 3, Per: configs.Duration(time.Hour), By: "header:X-Tenant"}}
	g.limited(t, conf, addr)
	ask := func(tenant string, body bool) *http.Response {
		req, err := http.NewRequest("POST", g.url+"/ai/svc/", nil)
		if body { // over the ReverseProxy
			req, err = http.NewRequest("POST", g.url+"/ai/svc/", endless{})
		}
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Tenant", tenant)
		res, err := client(t).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		readAll(t, res)
		return res
	}
	for i, want := range []int{200, 200, 200, 429, 429} {
		res := ask("a", i < 3 && i%2 == 1)
		if res.StatusCode != want {
			t.Fatalf("request %d: %d", i, res.StatusCode)
		}
		h := res.Header
		if got := fmt.Sprint(h["Ratelimit-Limit"], h["Ratelimit-Remaining"], h["Ratelimit-Policy"]); got != fmt.Sprintf("[3] [%d] [3;w=3600;burst=3]", max(2-i, 0)) {
			t.Errorf("request %d: %s", i, got)
		}
		if wait, err := strconv.Atoi(h.Get("Retry-After")); (want == 429) != (err == nil && wait > 1000 && wait <= 1200) {
			t.Errorf("request %d: Retry-After %q", i, h.Get("Retry-After"))
		}
	}
	if res := ask("b", false); res.StatusCode != 200 {
		t.Errorf("another tenant: %d", res.StatusCode)
	}
	g.limited(t, conf, addr) // an instance has changed its state: what was counted stays
	if res := ask("a", false); res.StatusCode != 429 {
		t.Errorf("after another route: %d", res.StatusCode)
	}
	waitFor(t, "the records", func() bool { _, n := g.rec.counts(); return n == 7 })
	refused := 0
	for _, x := range g.rec.ended {
		if x.End == records.EndRefused && x.Status == 429 {
			refused++
		}
	}
	if refused != 3 || g.refusedBy("rate") != 3 {
		t.Errorf("%d recorded as refused, %d counted", refused, g.refusedBy("rate"))
	}
	conf.Rate.Requests = 4
	g.limited(t, conf, addr)
	if res := ask("a", false); res.StatusCode != 200 {
		t.Errorf("under a new rate: %d", res.StatusCode)
	}
}

// endless is a short body without a length.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, "x"), io.EOF }
