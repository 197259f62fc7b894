package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"aictl/replay"
	"aictl/replay/compare"
	"aictl/store/records"
)

// replayer remembers what it was asked and answers err, or waits for its caller to leave.
type replayer struct {
	mu    sync.Mutex
	req   replay.Request
	diff  replay.DiffRequest
	err   error
	hangs bool
	left  chan struct{}
}

func (r *replayer) Replay(ctx context.Context, req replay.Request, progress func(replay.Progress)) (replay.Summary, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.req = req
	progress(replay.Progress{Phase: replay.PhaseSending, Sent: 1, Expected: 2})
	if r.hangs {
		<-ctx.Done()
		close(r.left)
		return replay.Summary{}, context.Cause(ctx)
	}
	return replay.Summary{SchemaVersion: 1, Sent: 2, To: req.To}, r.err
}

func (r *replayer) Diff(_ context.Context, req replay.DiffRequest, progress func(replay.Progress)) (replay.Report, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.diff = req
	progress(replay.Progress{Phase: replay.PhaseComparing})
	return replay.Report{SchemaVersion: 1, Same: true, Result: compare.Outcome{Fields: []compare.Field{}, Noise: []compare.Field{}}}, r.err
}

// replayServer is a server over a replayer, and a client of it.
func replayServer(t *testing.T, r *replayer) *Client {
	t.Helper()
	s := newServer(t, newBackend())
	s.deps.Replays = r
	web := httptest.NewServer(s.Handler(true))
	t.Cleanup(web.Close)
	c, err := NewClient(Target{URL: web.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestReplayAndDiffCarryEverything(t *testing.T) {
	r := &replayer{}
	c := replayServer(t, r)
	options := SendOptions{Speed: "2x", Sessions: true, Concurrency: 7, Timeout: "3s", Limit: 9, Methods: []string{"GET"}, Header: map[string]string{"authorization": "x"}, Force: true}
	want := replay.Common{
		Filter: records.Filter{Services: []string{"ocr"}, Limit: 9}, Methods: []string{"GET"}, Pace: replay.Pace{Scale: 2}, Sessions: true, Concurrency: 7,
		Timeout: 3 * time.Second, Header: http.Header{"Authorization": {"x"}}, Force: true,
	}
	var seen []replay.Progress
	note := func(p replay.Progress) { seen = append(seen, p) }
	sum, err := c.Replay(t.Context(), RecordsQuery{Service: "ocr"}, ReplayRequest{To: "ocr@r2", SendOptions: options}, note)
	if err != nil || sum.Sent != 2 || len(seen) != 1 || seen[0].Sent != 1 {
		t.Fatalf("%+v, %+v, %v", sum, seen, err)
	}
	if !reflect.DeepEqual(r.req, replay.Request{Common: want, To: "ocr@r2"}) {
		t.Errorf("asked for %+v", r.req)
	}
	comparing := CompareOptions{Ignore: []string{"$.a"}, Unordered: []string{"$.b"}, Tolerance: 0.5, PathTolerance: map[string]float64{"$.c": 1}, CompareHeaders: []string{"X"}}
	rep, err := c.Diff(t.Context(), RecordsQuery{Service: "ocr"}, DiffRequest{Baseline: "recorded", Candidate: "ocr@r2", CompareOptions: comparing, MaxDiff: 0.1, MaxSlower: 0.2, SendOptions: options}, note)
	if err != nil || !rep.Same || len(seen) != 2 {
		t.Fatalf("%+v, %v", rep, err)
	}
	if !reflect.DeepEqual(r.diff, replay.DiffRequest{Common: want, Baseline: "recorded", Candidate: "ocr@r2", MaxDiff: 0.1, MaxSlower: 0.2,
		Compare: compare.Options{Ignore: []string{"$.a"}, Unordered: []string{"$.b"}, Tolerance: 0.5, PathTol: map[string]float64{"$.c": 1}, Headers: []string{"X"}}}) {
		t.Errorf("asked for %+v", r.diff)
	}
	if _, err := c.Diff(t.Context(), RecordsQuery{}, DiffRequest{Baseline: "a@b", Candidate: "c@d"}, note); err != nil || r.diff.Pace != (replay.Pace{}) {
		t.Errorf("the default pace of a comparison is %s, %v", r.diff.Pace, err)
	}
}

func TestReplayFailures(t *testing.T) {
	r := &replayer{}
	c := replayServer(t, r)
	for _, req := range []ReplayRequest{{}, {To: "x", SendOptions: SendOptions{Speed: "fast"}}, {To: "x", SendOptions: SendOptions{Timeout: "soon"}}, {To: "x", SendOptions: SendOptions{Timeout: "-1s"}}} {
		var p *Error
		if _, err := c.Replay(t.Context(), RecordsQuery{}, req, func(replay.Progress) {}); !errors.As(err, &p) || p.Code != CodeInvalid {
			t.Errorf("%+v: error %v", req, err)
		}
	}
	for kind, code := range map[error]string{replay.ErrLive: CodeConflict, replay.ErrTarget: CodeInvalid, replay.ErrBusy: CodeUnavailable, replay.ErrNothing: CodeInvalid} {
		r.err = kind
		var p *Error
		if _, err := c.Replay(t.Context(), RecordsQuery{}, ReplayRequest{To: "x"}, func(replay.Progress) {}); !errors.As(err, &p) || p.Code != code {
			t.Errorf("%v: answered %v", kind, err)
		}
		if _, err := c.Diff(t.Context(), RecordsQuery{}, DiffRequest{Baseline: "x", Candidate: "y"}, func(replay.Progress) {}); !errors.As(err, &p) || p.Code != code || !strings.Contains(p.Detail, kind.Error()) {
			t.Errorf("%v: answered %v", kind, err)
		}
	}
}

// TestReplayEndsWithItsCaller: Ctrl-C at the other end ends the job.
func TestReplayEndsWithItsCaller(t *testing.T) {
	r := &replayer{hangs: true, left: make(chan struct{})}
	c := replayServer(t, r)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := c.Replay(ctx, RecordsQuery{}, ReplayRequest{To: "x"}, func(replay.Progress) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	select {
	case <-r.left:
	case <-time.After(30 * time.Second):
		t.Error("the replay goes on")
	}
}
