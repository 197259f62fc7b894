package replay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aictl/replay/compare"
	"aictl/store/records"
)

func TestReplaySendsExactlyWhatWasRecorded(t *testing.T) {
	for _, sessions := range []bool{false, true} {
		b := newBackend(t, echo)
		f := &fleet{candidates: map[string]string{"r2": b.addr()}}
		var phases []string
		sum, err := engineOn(t, recorded(200), f).Replay(t.Context(), Request{To: "svc@r2", Common: Common{Concurrency: 1, Sessions: sessions}}, func(p Progress) {
			if len(phases) == 0 || phases[len(phases)-1] != p.Phase {
				phases = append(phases, p.Phase)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if sum.Expected != 200 || sum.Sent != 200 || sum.Statuses["200"] != 200 || sum.SameAs != (SameAs{200, 200, 200}) || len(sum.Failures) != 0 || sum.Latency.Max == 0 || len(sum.Warnings) != 1 {
			t.Errorf("%+v", sum)
		}
		if len(b.seen) != 200 {
			t.Fatalf("%d arrived", len(b.seen))
		}
		for k, r := range b.seen {
			if want := fmt.Sprintf(`{"n":%d}`, k); !sessions && b.body[k] != want {
				t.Fatalf("number %d was %s", k, b.body[k])
			}
			if r.Header.Get(HeaderRun) != sum.Run || r.Header.Get("X-Forwarded-Prefix") != "/ai/svc" || r.URL.Path != "/predict" || !strings.HasPrefix(r.URL.RawQuery, "n=") {
				t.Fatalf("request %d: %s %v", k, r.URL, r.Header)
			}
		}
		if f.started.Load() != 1 || f.stopped.Load() != 1 || !slices.Equal(phases, []string{PhaseStarting, PhaseReading, PhaseSending}) {
			t.Errorf("started %d, stopped %d, phases %v", f.started.Load(), f.stopped.Load(), phases)
		}
	}
}

func TestLimitTakesTheNewest(t *testing.T) {
	b := newBackend(t, echo)
	sum, err := engineOn(t, recorded(50), &fleet{}).Replay(t.Context(), Request{To: b.URL, Common: Common{Concurrency: 1, Filter: records.Filter{Limit: 3}}}, quiet)
	if err != nil || sum.Sent != 3 || !slices.Equal(b.body, []string{`{"n":47}`, `{"n":48}`, `{"n":49}`}) {
		t.Fatalf("%+v, %v, %v", sum, b.body, err)
	}
}

// TestRefused: what cannot be sent as it was is not sent, and counted by why.
func TestRefused(t *testing.T) {
	spoil := map[string]func(x *records.Exchange){
		RefusedLost:      func(x *records.Exchange) { x.End = records.EndLost },
		RefusedTruncated: func(x *records.Exchange) { x.Request.Truncated = true },
		RefusedOmitted:   func(x *records.Exchange) { x.Request.Omitted, x.Request.Body = true, nil },
		RefusedErased:    func(x *records.Exchange) { x.Request.Erased, x.Request.Body = true, nil },
		RefusedRedacted:  func(x *records.Exchange) { x.Request.SHA256 = [32]byte{} },
		RefusedBroken:    func(x *records.Exchange) { x.Request.Header.Set("Content-Length", "1000") },
		RefusedWebSocket: func(x *records.Exchange) { x.Status = 101 },
		RefusedGRPC:      func(x *records.Exchange) { x.Request.Header.Set("Content-Type", "application/grpc+proto") },
		RefusedCopy:      func(x *records.Exchange) { x.Source = records.SourceShadow },
		RefusedMethod:    func(x *records.Exchange) { x.Method = "DELETE" },
		RefusedMalformed: func(x *records.Exchange) { x.Path = "predict" },
	}
	list := recorded(len(spoil) + 2)
	k := 0
	for _, change := range spoil {
		change(&list[k])
		k++
	}
	list[k].Query = "q=%5Bredacted%5D"
	b := newBackend(t, echo)
	sum, err := engineOn(t, list, &fleet{}).Replay(t.Context(), Request{To: b.URL, Common: Common{Methods: []string{"get", "post"}}}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	for why := range spoil {
		want := 1
		if why == RefusedRedacted {
			want = 2
		}
		if sum.Refused[why] != want {
			t.Errorf("%s: %d", why, sum.Refused[why])
		}
	}
	if sum.Read != len(list) || sum.Sent != 1 || len(b.seen) != 1 {
		t.Errorf("%+v, %d arrived", sum, len(b.seen))
	}
	list = recorded(2)
	list[0].Source = records.SourceReplay
	sum, err = engineOn(t, list, &fleet{}).Replay(t.Context(), Request{To: b.URL, Common: Common{Filter: records.Filter{Sources: []records.Source{records.SourceReplay}}}}, quiet)
	if err != nil || sum.Sent != 2 {
		t.Errorf("replays that were asked for by name: %+v, %v", sum, err)
	}
}

func TestHeadersThatAreSent(t *testing.T) {
	list := recorded(1)
	list[0].Request.Header = http.Header{
		"Authorization": {"[redacted]"}, "Cookie": {"a=[redacted]; lang=zh"}, "X-Api-Key": {"[redacted]"}, "Connection": {"keep-alive, X-Hop"}, "X-Hop": {"1"},
		"Transfer-Encoding": {"chunked"}, "X-Forwarded-For": {"10.0.0.1"}, "Traceparent": {"00-…"}, "Content-Type": {"application/json"}, "X-Tenant": {"a", "b"},
		"X-Aictl-Record": {"17"}, "User-Agent": {"curl"},
	}
	list[0].Request.Trailer = http.Header{"X-Sum": {"7"}}
	b := newBackend(t, func(w http.ResponseWriter, r *http.Request, body string) {
		if r.Trailer.Get("X-Sum") != "7" || body != `{"n":0}` {
			t.Errorf("trailer %v, body %s", r.Trailer, body)
		}
		reply(w, "{}")
	})
	sum, err := engineOn(t, list, &fleet{}).Replay(t.Context(), Request{To: b.URL + "/base/", Common: Common{Header: http.Header{"X-Api-Key": {"supplied"}, "Host": {"models.example"}}}}, quiet)
	if err != nil || sum.Bare != 1 || sum.SameAs.Body != 0 || sum.SameAs.Status != 1 {
		t.Fatalf("%+v, %v", sum, err)
	}
	r := b.seen[0]
	if r.URL.Path != "/base/predict" || r.Host != "models.example" {
		t.Errorf("sent to %s at %s", r.URL, r.Host)
	}
	want := http.Header{"Cookie": {"lang=zh"}, "Content-Type": {"application/json"}, "X-Tenant": {"a", "b"}, "X-Api-Key": {"supplied"}, "User-Agent": {"curl"}}
	for name, values := range want {
		if !slices.Equal(r.Header[name], values) {
			t.Errorf("%s: %q, want %q", name, r.Header[name], values)
		}
	}
	for name := range r.Header {
		if want[name] == nil && name != HeaderRun {
			t.Errorf("%s was sent: %q", name, r.Header[name])
		}
	}
}

func TestLiveTargetsNeedForce(t *testing.T) {
	b := newBackend(t, echo)
	f := &fleet{live: []string{b.addr()}, serving: map[int]string{b.port(t): "svc/1"}}
	e := engineOn(t, recorded(3), f)
	for _, to := range []string{"svc@r1", "svc@live", "svc", b.URL, fmt.Sprintf("http://localhost:%d", b.port(t)), fmt.Sprintf("http://[::ffff:127.0.0.1]:%d/x", b.port(t)), fmt.Sprintf("http://0.0.0.0:%d", b.port(t))} {
		if _, err := e.Replay(t.Context(), Request{To: to}, quiet); !errors.Is(err, ErrLive) {
			t.Errorf("%s: error %v", to, err)
		}
		if len(b.seen) > 0 {
			t.Fatalf("%s was sent to", to)
		}
	}
	for _, to := range []string{"svc@r1", b.URL} {
		sum, err := e.Replay(t.Context(), Request{To: to, Common: Common{Force: true}}, quiet)
		if err != nil || sum.Sent != 3 {
			t.Errorf("forced to %s: %+v, %v", to, sum, err)
		}
	}
	f.live = nil
	if _, err := e.Replay(t.Context(), Request{To: "svc"}, quiet); !errors.Is(err, ErrTarget) {
		t.Errorf("a service that is stopped: %v", err)
	}
}

func TestBadTargetsAndOptions(t *testing.T) {
	e := engineOn(t, recorded(1), &fleet{})
	for _, to := range []string{"", "@r1", "a/b", "ftp://x", "http://", "http://u:p@h", "http://h?x=1", "http://h:port"} {
		if _, err := e.Replay(t.Context(), Request{To: to}, quiet); !errors.Is(err, ErrTarget) {
			t.Errorf("%q: error %v", to, err)
		}
	}
	for _, c := range []Common{{Concurrency: -1}, {Concurrency: 1e6}, {Timeout: -1}, {Filter: records.Filter{Limit: -1}}, {Header: http.Header{"Content-Length": {"1"}}}} {
		if _, err := e.Replay(t.Context(), Request{To: "http://127.0.0.1:1", Common: c}, quiet); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: error %v", c, err)
		}
	}
	for _, r := range []DiffRequest{{}, {Baseline: "recorded"}, {Baseline: "x", Candidate: "recorded"}, {Baseline: "x", Candidate: "y", MaxDiff: 2}, {Baseline: "x", Candidate: "y", Compare: compare.Options{Tolerance: -1}}} {
		if _, err := e.Diff(t.Context(), r, quiet); !errors.Is(err, ErrOptions) {
			t.Errorf("%+v: error %v", r, err)
		}
	}
	if _, err := e.Replay(t.Context(), Request{To: "svc@broken"}, quiet); err == nil || !strings.Contains(err.Error(), "healthy") {
		t.Errorf("error %v", err)
	}
	for range maxJobs {
		end, err := e.begin()
		if err != nil {
			t.Fatal(err)
		}
		defer end()
	}
	if _, err := e.Replay(t.Context(), Request{To: "http://127.0.0.1:1"}, quiet); !errors.Is(err, ErrBusy) {
		t.Errorf("error %v", err)
	}
}

// TestCancelledReplayLeavesNothing: what was started is stopped, what was sent is told.
func TestCancelledReplayLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var asked atomic.Int32
	b := newBackend(t, func(w http.ResponseWriter, r *http.Request, body string) {
		if asked.Add(1) == 10 {
			cancel()
			<-r.Context().Done()
			return
		}
		reply(w, body)
	})
	f := &fleet{candidates: map[string]string{"r2": b.addr()}}
	e := engineOn(t, recorded(100), f)
	sum, err := e.Replay(ctx, Request{To: "svc@r2", Common: Common{Concurrency: 1}}, quiet)
	if !errors.Is(err, context.Canceled) || sum.Sent != 9 || sum.Expected != 100 {
		t.Errorf("%+v, %v", sum, err)
	}
	if f.started.Load() != 1 || f.stopped.Load() != 1 || len(e.jobs) != 0 {
		t.Errorf("started %d, stopped %d, %d jobs", f.started.Load(), f.stopped.Load(), len(e.jobs))
	}
	ctx, cancel2 := context.WithCancel(t.Context())
	cancel2()
	if _, err := e.Diff(ctx, DiffRequest{Baseline: "svc@r2", Candidate: "svc@r2"}, quiet); !errors.Is(err, context.Canceled) || f.stopped.Load() != 3 {
		t.Errorf("stopped %d, %v", f.stopped.Load(), err)
	}
	f.stopErr = errors.New("it does not stop")
	if _, err := e.Replay(t.Context(), Request{To: "svc@r2"}, quiet); !errors.Is(err, f.stopErr) {
		t.Errorf("a candidate that stays is not told: %v", err)
	}
}

// TestSlowAndBrokenTargets: every request is sent once and its failure named.
func TestSlowAndBrokenTargets(t *testing.T) {
	gone := newBackend(t, echo)
	gone.Close()
	var n atomic.Int32
	bad := newBackend(t, func(w http.ResponseWriter, r *http.Request, body string) {
		switch n.Add(1) % 4 {
		case 0:
			<-r.Context().Done()
		case 1:
			panic(http.ErrAbortHandler)
		case 2:
			w.Header().Set("Content-Length", "100")
			reply(w, "short")
		default:
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}
	})
	common := Common{Concurrency: 1, Timeout: 300 * time.Millisecond, Pace: Pace{}}
	sum, err := engineOn(t, recorded(8), &fleet{}).Replay(t.Context(), Request{To: bad.URL, Common: common}, quiet)
	if err != nil || sum.Sent != 8 || sum.Failures["timeout"] != 2 || sum.Failures["connection broken"] != 4 || sum.Statuses["302"] != 2 || n.Load() != 8 {
		t.Errorf("%+v, %d asked, %v", sum, n.Load(), err)
	}
	sum, err = engineOn(t, recorded(3), &fleet{}).Replay(t.Context(), Request{To: gone.URL, Common: common}, quiet)
	if err != nil || sum.Sent != 3 || sum.Failures["connection refused"] != 3 {
		t.Errorf("%+v, %v", sum, err)
	}
	if _, err := engineOn(t, recorded(3), &fleet{}).Diff(t.Context(), DiffRequest{Baseline: gone.URL, Candidate: gone.URL, Common: common}, quiet); !errors.Is(err, ErrNothing) || !strings.Contains(err.Error(), "connection refused 3") {
		t.Errorf("error %v", err)
	}
	if _, err := engineOn(t, nil, &fleet{}).Diff(t.Context(), DiffRequest{Baseline: gone.URL, Candidate: gone.URL}, quiet); !errors.Is(err, ErrNothing) || !strings.Contains(err.Error(), "no records match") {
		t.Errorf("error %v", err)
	}
}
