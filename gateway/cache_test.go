package gateway

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aictl/configs"
	"aictl/store/records"
)

// clock is a time that tests set.
type clock struct{ ns atomic.Int64 }

func (c *clock) now() time.Time      { return time.Unix(1_800_000_000, c.ns.Load()) }
func (c *clock) add(d time.Duration) { c.ns.Add(int64(d)) }

// cacheRig is service svc, whose instance counts what it is asked.
type cacheRig struct {
	*rig
	clock  clock
	asked  atomic.Int64
	answer func(w http.ResponseWriter, r *http.Request, n int64)
	route  Route
}

func newCacheRig(t *testing.T, c configs.Cache) *cacheRig {
	r := &cacheRig{answer: func(w http.ResponseWriter, _ *http.Request, n int64) { fmt.Fprintf(w, "answer %d", n) }}
	r.rig = newRig(t, Options{Now: r.clock.now})
	r.Gateway.opt.Rand = func() float64 { return 0.5 }
	addr := upstream(t, func(w http.ResponseWriter, req *http.Request) {
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			t.Log(err)
		}
		r.answer(w, req, r.asked.Add(1))
	})
	if c.TTL == 0 {
		c.TTL = configs.Duration(time.Minute)
	}
	r.route = Route{Service: "svc", Targets: []Target{{Instance: "svc/1", Release: "r1", Addr: addr}}, Gateway: configs.Gateway{Cache: c}}
	r.set(t, r.route)
	return r
}

// call makes a request and says what the cache did, and the answer.
func (r *cacheRig) call(t *testing.T, method, path, body string, header ...string) (how, text string) {
	t.Helper()
	req, err := http.NewRequest(method, r.url+"/ai/svc"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return res.Header.Get(HeaderCache), readAll(t, res)
}

func (r *cacheRig) stats() CacheStats { return r.CacheStats()["svc"] }

func TestCacheAnswersEqualRequests(t *testing.T) {
	r := newCacheRig(t, configs.Cache{Vary: []string{"X-Tenant"}})
	type request struct {
		method, path, body string
		header             []string
	}
	base := request{"POST", "/predict?a=1", `{"x":1}`, nil}
	if how, text := r.call(t, base.method, base.path, base.body); how != "miss" || text != "answer 1" {
		t.Fatalf("first: %s %s", how, text)
	}
	for name, other := range map[string]request{
		"method": {"GET", "/predict?a=1", "", nil}, "path": {"POST", "/predict2?a=1", `{"x":1}`, nil}, "query": {"POST", "/predict?a=2", `{"x":1}`, nil},
		"body": {"POST", "/predict?a=1", `{"x":2}`, nil}, "vary": {"POST", "/predict?a=1", `{"x":1}`, []string{"X-Tenant", "b"}},
		"content type": {"POST", "/predict?a=1", `{"x":1}`, []string{"Content-Type", "text/csv"}},
	} {
		if how, text := r.call(t, other.method, other.path, other.body, other.header...); how != "miss" || text == "answer 1" {
			t.Errorf("another %s: %s %s", name, how, text)
		}
	}
	r.clock.add(3*time.Second + 900*time.Millisecond)
	req, err := http.NewRequest("POST", r.url+"/ai/svc"+base.path, strings.NewReader(base.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Other", "does not matter")
	res, err := client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	text := readAll(t, res)
	if text != "answer 1" || res.Header.Get(HeaderCache) != "hit" || res.Header.Get("Age") != "3" || res.Header.Get(HeaderInstance) != "" || res.Header.Get(HeaderRecord) == "" {
		t.Errorf("hit: %s %v", text, res.Header)
	}
	waitFor(t, "all to be recorded", func() bool { _, n := r.rec.counts(); return n == 8 })
	hit := r.rec.ended[7]
	if !hit.Cached || hit.Instance != "" || hit.Release != "r1" || hit.Status != 200 || hit.End != records.EndComplete ||
		string(hit.Response.Body) != "answer 1" || string(hit.Request.Body) != `{"x":1}` || hit.Request.Size != 7 {
		t.Errorf("record %+v", hit)
	}
	if first := r.rec.ended[0]; first.Cached || first.Instance != "svc/1" || string(first.Request.Body) != `{"x":1}` {
		t.Errorf("record of the miss %+v", first)
	}
	if s := r.stats(); s.Hits != 1 || s.Misses != 7 || s.Stored != 7 || s.Entries != 7 || r.asked.Load() != 7 {
		t.Errorf("%+v, %d asked", s, r.asked.Load())
	}
	if n := r.Traffic()["svc"].Requests; n != 8 {
		t.Errorf("%d requests are counted", n)
	}
	r.clock.add(time.Minute)
	if how, text := r.call(t, base.method, base.path, base.body); how != "miss" || text != "answer 8" {
		t.Errorf("after its time: %s %s", how, text)
	}
	if s := r.stats(); s.Expired != 1 {
		t.Errorf("%+v", s)
	}
}

func TestWhatTheCacheLeavesAlone(t *testing.T) {
	r := newCacheRig(t, configs.Cache{Methods: []string{"GET", "POST"}, Paths: []string{"/p/*"}, MaxBytes: 1 << 20, MaxAnswer: 1000})
	r.answer = func(w http.ResponseWriter, req *http.Request, n int64) {
		for name, values := range req.Header {
			if set, ok := strings.CutPrefix(name, "Set-"); ok {
				w.Header()[set] = values
			}
		}
		if size, err := strconv.Atoi(req.URL.Query().Get("size")); err == nil {
			fmt.Fprint(w, strings.Repeat("x", size))
			return
		}
		switch req.URL.Query().Get("do") {
		case "500":
			w.WriteHeader(500)
		case "flush":
			w.(http.Flusher).Flush()
		case "break":
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "half")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}
		fmt.Fprintf(w, "answer %d", n)
	}
	long := strings.Repeat("x", directBody+1)
	for name, c := range map[string]struct {
		method, path, body string
		header             []string
		reason             string // "" for requests that the cache is not there for
	}{
		"method":               {"PUT", "/p/x", "", nil, ""},
		"path":                 {"GET", "/q", "", nil, ""},
		"range":                {"GET", "/p/x", "", []string{"Range", "bytes=0-1"}, "range_or_condition"},
		"condition":            {"GET", "/p/x", "", []string{"If-None-Match", `"a"`}, "range_or_condition"},
		"cookie":               {"GET", "/p/x", "", []string{"Cookie", "a=b"}, "credentials"},
		"authorization":        {"GET", "/p/x", "", []string{"Authorization", "Bearer x"}, "credentials"},
		"no-store":             {"GET", "/p/x", "", []string{"Cache-Control", "max-age=3, No-Store"}, "request_cache_control"},
		"long body":            {"POST", "/p/x", long, nil, "body_too_long"},
		"status":               {"GET", "/p/x?do=500", "", nil, "status"},
		"answer no-store":      {"GET", "/p/x", "", []string{"Set-Cache-Control", "no-store"}, "answer_cache_control"},
		"answer no-cache":      {"GET", "/p/x", "", []string{"Set-Cache-Control", "public, no-cache"}, "answer_cache_control"},
		"answer private":       {"GET", "/p/x", "", []string{"Set-Cache-Control", "private"}, "answer_cache_control"},
		"answer max-age=0":     {"GET", "/p/x", "", []string{"Set-Cache-Control", "max-age=0"}, "answer_cache_control"},
		"answer's cookie":      {"GET", "/p/x", "", []string{"Set-Set-Cookie", "a=b"}, "set_cookie"},
		"answer varies":        {"GET", "/p/x", "", []string{"Set-Vary", "Accept, X-User"}, "vary"},
		"answer varies in all": {"GET", "/p/x", "", []string{"Set-Vary", "*"}, "vary"},
		"event stream":         {"GET", "/p/x", "", []string{"Set-Content-Type", "text/event-stream"}, "answer_stream"},
		"long answer":          {"GET", "/p/x?size=1001", "", nil, "answer_too_long"},
		"long, unannounced":    {"GET", "/p/x?size=9000", "", nil, "answer_too_long"},
	} {
		t.Run(name, func(t *testing.T) {
			before := r.stats()
			for range 2 {
				if how, _ := r.call(t, c.method, c.path, c.body, c.header...); how == "hit" {
					t.Fatal("it was answered by the cache")
				}
			}
			waitFor(t, "both to be counted", func() bool { return c.reason == "" || r.stats().Bypassed[c.reason] == before.Bypassed[c.reason]+2 })
			if s := r.stats(); s.Stored != before.Stored {
				t.Errorf("it was stored: %+v", s)
			}
		})
	}
	r.call(t, "GET", "/p/ok", "", "Set-Vary", "Accept-Encoding", "Set-Cache-Control", "max-age=10")
	if how, _ := r.call(t, "GET", "/p/ok", "", "Set-Vary", "Accept-Encoding"); how != "hit" {
		t.Errorf("an answer that varies in what the key has: %s", how)
	}
	r.clock.add(10 * time.Second)
	if how, _ := r.call(t, "GET", "/p/ok", ""); how != "miss" {
		t.Errorf("an answer outlived its own max-age: %s", how)
	}
	if how, _ := r.call(t, "GET", "/p/ok", "", "Cache-Control", "no-cache"); how != "miss" {
		t.Errorf("no-cache: %s", how)
	}
	r.call(t, "GET", "/p/chunked?do=flush", "")
	if how, text := r.call(t, "GET", "/p/chunked?do=flush", ""); how != "hit" || !strings.HasPrefix(text, "answer") {
		t.Errorf("an answer of unknown length: %s %s", how, text)
	}
	res, err := client(t).Get(r.url + "/ai/svc/p/x?do=break")
	if err == nil {
		if _, err = io.ReadAll(res.Body); err == nil {
			t.Error("a broken answer looks whole")
		}
		err = res.Body.Close()
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Log(err)
	}
	waitFor(t, "it to be counted", func() bool { return r.stats().Bypassed["broken"] > 0 })
	if c := r.table.find("svc").cache; c.pending != 0 {
		t.Errorf("%d bytes are still reserved", c.pending)
	}
}

func TestCacheIsClearedByASwitch(t *testing.T) {
	r := newCacheRig(t, configs.Cache{})
	r.call(t, "GET", "/x", "")
	next := r.route
	next.Targets = nil // it starts anew
	r.set(t, next)
	r.set(t, r.route)
	if how, _ := r.call(t, "GET", "/x", ""); how != "hit" {
		t.Errorf("after a restart: %s", how)
	}
	next = r.route
	next.Canary = &Canary{Release: "r2", Weight: 60, Targets: []Target{{Instance: "svc/2", Release: "r2", Addr: r.route.Targets[0].Addr}}}
	r.set(t, next)
	if how, text := r.call(t, "GET", "/x", ""); how != "miss" || text != "answer 2" {
		t.Errorf("on the canary: %s %s", how, text)
	}
	if how, _ := r.call(t, "GET", "/x", ""); how != "hit" {
		t.Errorf("again on the canary: %s", how)
	}
	next.Canary = nil
	r.set(t, next)
	if how, text := r.call(t, "GET", "/x", ""); how != "hit" || text != "answer 1" {
		t.Errorf("on the live side: %s %s", how, text)
	}
	next.Targets = []Target{{Instance: "svc/2", Release: "r2", Addr: r.route.Targets[0].Addr}}
	r.set(t, next)
	if s := r.stats(); s.Entries != 0 || s.Bytes != 0 {
		t.Errorf("after the switch %+v", s)
	}
	r.call(t, "GET", "/x", "")
	if !r.ClearCache("svc") || r.stats().Entries != 0 || r.ClearCache("nobody") {
		t.Errorf("after clear %+v", r.stats())
	}
	next.Gateway = configs.Gateway{}
	r.set(t, next)
	if _, ok := r.CacheStats()["svc"]; ok {
		t.Error("a cache without settings has stats")
	}
}

// key and answer number n of a cache of the tests below; each takes 1000 bytes.
func nth(n int) *kept {
	var k cacheKey
	k[0], k[1] = byte(n), byte(n>>8)
	return &kept{key: k, release: "r1", body: make([]byte, 1000-cacheOverhead), until: time.Unix(100, 0)}
}

func TestCacheKeepsWhatIsUsed(t *testing.T) {
	c := newCache(cacheRules{max: 10_000, one: 1000})
	now := time.Unix(1, 0)
	for n := range 30 {
		c.store(nth(n))
		if c.lookup(nth(0).key, now) == nil {
			t.Fatalf("the one in use went with %d", n)
		}
		if s := c.stats(); s.Bytes > 10_000 || s.Bytes != int64(s.Entries)*1000 {
			t.Fatalf("%+v", s)
		}
	}
	s := c.stats()
	if s.Entries != 10 || s.Evicted != 20 || len(c.entries) != 20 || s.Half != s.Hits {
		t.Errorf("%+v, %d with ghosts", s, len(c.entries))
	}
	if c.lookup(nth(5).key, now) != nil || c.lookup(nth(29).key, now) == nil || c.lookup(nth(15).key, now) != nil {
		t.Error("the wrong ones are kept")
	}
	if s := c.stats(); s.Double != s.Hits+1 { // 15 is a ghost, 5 is forgotten
		t.Errorf("%+v", s)
	}
	c.reconfigure(cacheRules{max: 3000})
	if s := c.stats(); s.Entries != 3 || s.Bytes != 3000 || len(c.entries) != 6 {
		t.Errorf("smaller: %+v", s)
	}
	c.clear()
	if s := c.stats(); s.Entries != 0 || s.Bytes != 0 || c.ghosts.bytes != 0 || s.Cleared != 3 {
		t.Errorf("cleared: %+v", s)
	}
}

// What a cache says of half and twice its size is what caches of those sizes have.
func TestGhostsForetell(t *testing.T) {
	seed := uint64(7)
	next := func(n int) int {
		seed = seed*6364136223846793005 + 1442695040888963407
		return int(seed>>33) % n
	}
	sizes := []int64{10_000, 20_000, 40_000}
	caches := map[int64]*cache{}
	for _, size := range sizes {
		caches[size] = newCache(cacheRules{max: size})
	}
	now := time.Unix(1, 0)
	for range 5000 {
		n := min(next(60), next(60), next(60)) // some are asked for more often
		for _, c := range caches {
			if c.lookup(nth(n).key, now) == nil {
				c.store(nth(n))
			}
		}
	}
	mid := caches[20_000].stats()
	if small, large := caches[10_000].stats(), caches[40_000].stats(); mid.Half != small.Hits || mid.Double != large.Hits || mid.Half >= mid.Hits || mid.Hits >= mid.Double {
		t.Errorf("foretold %d and %d around %d; in truth %d and %d", mid.Half, mid.Double, mid.Hits, small.Hits, large.Hits)
	}
}

func TestCacheUnderManyAtOnce(t *testing.T) {
	r := newCacheRig(t, configs.Cache{MaxBytes: 20_000, MaxAnswer: 2000})
	r.answer = func(w http.ResponseWriter, req *http.Request, _ int64) {
		fmt.Fprint(w, strings.Repeat(req.URL.Path[1:], 300))
	}
	var wg sync.WaitGroup
	c := client(t)
	for k := range 8 {
		wg.Go(func() {
			for n := range 60 {
				name := string(rune('a' + (n*7+k*3)%26))
				res, err := c.Get(r.url + "/ai/svc/" + name)
				if err != nil {
					t.Error(err)
					return
				}
				if body := readAll(t, res); body != strings.Repeat(name, 300) {
					t.Errorf("%s answered %.20s", name, body)
				}
				if n%20 == 19 {
					r.ClearCache("svc")
				}
			}
		})
	}
	wg.Wait()
	waitFor(t, "all to be counted", func() bool { s := r.stats(); return s.Hits+s.Misses == 480 })
	if s := r.stats(); s.Bytes > 20_000 || s.Hits == 0 || s.Evicted == 0 {
		t.Errorf("%+v", s)
	}
}

// Equal requests at the same time ask the instance once, when they are to.
func TestEqualRequestsWaitForEachOther(t *testing.T) {
	for _, single := range []bool{true, false} {
		r := newCacheRig(t, configs.Cache{SingleFlight: single})
		release := make(chan struct{})
		r.answer = func(w http.ResponseWriter, _ *http.Request, n int64) {
			<-release
			fmt.Fprintf(w, "answer %d", n)
		}
		const many = 5
		texts := make(chan string, many)
		c := client(t)
		for range many {
			go func() { texts <- posted(t, c, r.url) }()
		}
		want := int64(many)
		if single {
			want = 1
		}
		waitFor(t, "all to have come", func() bool {
			return r.stats().Misses == many && r.asked.Load() == want && (!single || r.lobby.running() == many-1)
		})
		close(release)
		seen := map[string]bool{}
		for range many {
			seen[<-texts] = true
		}
		if int64(len(seen)) != want || r.asked.Load() != want {
			t.Errorf("single %v: %v", single, seen)
		}
		if s := r.stats(); single && (s.Joined != many-1 || s.Hits != many-1 || s.Misses != 1) {
			t.Errorf("%+v", s)
		}
	}
}

// posted makes one of some equal requests and returns status and text of the answer.
func posted(t *testing.T, c *http.Client, url string) string {
	res, err := c.Post(url+"/ai/svc/x", "text/plain", strings.NewReader("same"))
	if err != nil {
		return "none"
	}
	b, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		t.Error(err)
	}
	return fmt.Sprint(res.StatusCode, " ", string(b))
}

// When the first one's answer is not to be kept, or it ends without one, the others ask by themselves.
func TestWhoWaitedInVainAsksByItself(t *testing.T) {
	for name, first := range map[string]http.HandlerFunc{
		"not kept":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"no answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newCacheRig(t, configs.Cache{SingleFlight: true})
			release := make(chan struct{})
			r.answer = func(w http.ResponseWriter, req *http.Request, n int64) {
				if n == 1 {
					<-release
					first(w, req)
					return
				}
				fmt.Fprint(w, "good")
			}
			c, texts := client(t), make(chan string, 2)
			go func() { texts <- posted(t, c, r.url) }()
			waitFor(t, "the first", func() bool { return r.asked.Load() == 1 })
			go func() { texts <- posted(t, c, r.url) }()
			waitFor(t, "the second to wait", func() bool { return r.lobby.running() == 1 })
			close(release)
			if a, b := <-texts, <-texts; a != "200 good" && b != "200 good" || a == b {
				t.Errorf("answered %s and %s", a, b)
			}
			kept := r.table.find("svc").cache
			waitFor(t, "no flight to be left", func() bool {
				kept.mu.Lock()
				defer kept.mu.Unlock()
				return len(kept.flights) == 0
			})
		})
	}
}

// The gateway's end cuts who waits.
func TestWaitForAnEqualRequestIsCut(t *testing.T) {
	r := newCacheRig(t, configs.Cache{SingleFlight: true})
	release := make(chan struct{})
	r.answer = func(w http.ResponseWriter, _ *http.Request, _ int64) {
		<-release
		fmt.Fprint(w, "late")
	}
	c, texts := client(t), make(chan string, 2)
	for k := range 2 {
		go func() { texts <- posted(t, c, r.url) }()
		waitFor(t, "it to come", func() bool { return r.asked.Load() == 1 && r.lobby.running() == k })
	}
	r.lobby.cut(errCut)
	if got := <-texts; !strings.HasPrefix(got, "503 ") || !strings.Contains(got, "instance_stopping") {
		t.Errorf("cut: %s", got)
	}
	close(release)
	if got := <-texts; got != "200 late" {
		t.Errorf("the first: %s", got)
	}
}

func FuzzCacheKey(f *testing.F) {
	f.Add("a", "b", "c", "d")
	f.Add("a", "bc", "", "d")
	rules := rulesOf(configs.Cache{Vary: []string{"X-A"}})
	f.Fuzz(func(t *testing.T, path, query, value, body string) {
		key := func(path, query, value, body string) cacheKey {
			r := &http.Request{Method: "POST", URL: &url.URL{RawQuery: query}, Header: http.Header{"X-A": {value}}}
			return rules.key("svc", "r1", path, r, []byte(body))
		}
		k := key(path, query, value, body)
		if k != key(path, query, value, body) {
			t.Error("equal requests have different keys")
		}
		for _, other := range [][4]string{{path + "x", query, value, body}, {path, query + "x", value, body}, {path, query, value + "x", body}, {path, query, value, body + "x"},
			{path + query, "", value, body}, {path, query + value, "", body}, {path, query, value + body, ""}} {
			if other != [4]string{path, query, value, body} && key(other[0], other[1], other[2], other[3]) == k {
				t.Errorf("%q and %q have one key", [4]string{path, query, value, body}, other)
			}
		}
	})
}

func FuzzCacheControl(f *testing.F) {
	for _, seed := range []string{"no-store", "max-age=10, public", "max-age=\"3\"", "s-maxage=1,max-age=99", "max-age=99999999999999999999", "=,=;", "private=\"a, b\""} {
		f.Add(seed, "Accept", "")
	}
	rules := rulesOf(configs.Cache{TTL: configs.Duration(time.Minute)})
	f.Fuzz(func(t *testing.T, control, vary, pragma string) {
		h := http.Header{"Cache-Control": {control}, "Vary": {vary}, "Pragma": {pragma}}
		if ttl, why := rules.ofAnswer(200, h); (why == bypassNone) != (ttl > 0) || ttl > time.Minute {
			t.Errorf("%q: kept for %s, %d", control, ttl, why)
		}
		if why, fresh := rules.ofRequest(h); fresh && why == bypassNone {
			t.Errorf("%q: looked up and fetched anew", control)
		}
		for _, word := range []string{"no-store", "private"} {
			if strings.EqualFold(strings.TrimSpace(control), word) {
				if _, why := rules.ofAnswer(200, h); why == bypassNone {
					t.Errorf("%q is kept", control)
				}
			}
		}
	})
}
