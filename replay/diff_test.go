package replay

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"aictl/replay/compare"
	"aictl/store/records"
)

// version answers with what was asked, some noise and, as version 2, with planted changes.
func version(changed bool) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, r *http.Request, body string) {
		id, err := strconv.Atoi(r.URL.Query().Get("n"))
		if err != nil {
			http.Error(w, "no n", http.StatusBadRequest)
			return
		}
		label := "spam"
		if changed && id%3 == 0 {
			label = "ham"
		}
		if changed && id%10 == 0 {
			w.WriteHeader(http.StatusInternalServerError)
		}
		reply(w, fmt.Sprintf(`{"echo":%s,"label":%q,"id":"%x","at":%d,"score":%f}`, body, label, rand.Uint64(), time.Now().UnixNano(), 0.5+rand.Float64()/1000))
	}
}

func TestDiffFindsThePlantedChanges(t *testing.T) {
	one, same, two := newBackend(t, version(false)), newBackend(t, version(false)), newBackend(t, version(true))
	f := &fleet{candidates: map[string]string{"r2": two.addr()}}
	e := engineOn(t, recorded(60), f)
	rep, err := e.Diff(t.Context(), DiffRequest{Baseline: one.URL, Candidate: "svc@r2"}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, field := range rep.Result.Fields {
		paths = append(paths, field.Path)
	}
	slices.Sort(paths)
	if !slices.Equal(paths, []string{"$.label", "status"}) || rep.Same || rep.Sent != 60 || rep.Result.Compared != 60 || f.stopped.Load() != 1 {
		t.Errorf("changed %v: %+v", paths, rep)
	}
	if want := 24; rep.Result.Differ != want { // every third and every tenth
		t.Errorf("%d requests differ, want %d", rep.Result.Differ, want)
	}
	rep, err = e.Diff(t.Context(), DiffRequest{Baseline: one.URL, Candidate: same.URL}, quiet)
	if err != nil || !rep.Same || len(rep.Result.Fields) != 0 || rep.Result.Rate != 0 {
		t.Errorf("two of one kind: %+v, %v", rep.Result.Fields, err)
	}
	rep, err = e.Diff(t.Context(), DiffRequest{Baseline: one.URL, Candidate: "svc@r2", MaxDiff: 0.5}, quiet)
	if err != nil || !rep.Same || len(rep.Result.Fields) == 0 {
		t.Errorf("half may differ: %+v, %v", rep, err)
	}
}

func TestDiffWithWhatWasRecorded(t *testing.T) {
	two := newBackend(t, version(true))
	list := recorded(40)
	for k := range list {
		list[k].Response = message(fmt.Sprintf(`{"echo":"[redacted]","label":"spam","id":"%x","at":%d,"score":%f}`, rand.Uint64(), k, 0.5+rand.Float64()/1000))
		list[k].Response.Header = http.Header{"Content-Type": {"application/json"}}
	}
	rep, err := engineOn(t, list, &fleet{}).Diff(t.Context(), DiffRequest{Baseline: Recorded, Candidate: two.URL, Compare: compare.Options{Ignore: []string{"status"}}}, quiet)
	if err != nil || len(rep.Result.Fields) != 1 || rep.Result.Fields[0].Path != "$.label" || rep.Baseline != Recorded {
		t.Fatalf("%+v, %v", rep.Result, err)
	}
	if len(two.seen) != 80 {
		t.Errorf("%d arrived, not two for each", len(two.seen))
	}
}

func TestVerify(t *testing.T) {
	one, two := newBackend(t, version(false)), newBackend(t, version(true))
	list := recorded(40)
	for k := range list {
		list[k].Response = message(fmt.Sprintf(`{"echo":{"n":%d},"label":"spam","id":"%x","at":%d,"score":%f}`, k, rand.Uint64(), k, 0.5+rand.Float64()/1000))
		list[k].Response.Header = http.Header{"Content-Type": {"application/json"}}
	}
	list[1].Instance, list[2].End, list[3].Status = "", records.EndUpstreamAbort, 0
	e := engineOn(t, list, &fleet{live: []string{one.addr()}})
	v := Verification{Service: "svc", Release: "r1", Addrs: []string{two.addr()}, Last: 38, MaxDiff: 0.1}
	rep, err := e.Verify(t.Context(), v, quiet)
	if err != nil || rep.Same || rep.Refused[RefusedNoAnswer] != 3 || rep.Sent != 37 || len(rep.Result.Fields) != 2 || len(one.seen) != 0 {
		t.Errorf("recorded: %+v, %v", rep, err)
	}
	v.Addrs, v.Last = []string{one.addr()}, 10
	if rep, err = e.Verify(t.Context(), v, quiet); err != nil || !rep.Same || rep.Sent != 10 {
		t.Errorf("the same as recorded: %+v, %v", rep, err)
	}
	v.Addrs, v.Ask = []string{two.addr()}, true
	if rep, err = e.Verify(t.Context(), v, quiet); err != nil || rep.Same || rep.Baseline != "svc@r1" {
		t.Errorf("asked: %+v, %v", rep, err)
	}
	v.Last = 0
	if _, err := e.Verify(t.Context(), v, quiet); !errors.Is(err, ErrOptions) {
		t.Errorf("error %v", err)
	}
	v.Last, v.Ask = 5, false
	if _, err := engineOn(t, nil, &fleet{}).Verify(t.Context(), v, quiet); !errors.Is(err, ErrNothing) {
		t.Errorf("error %v", err)
	}
	v.Ask = true
	if _, err := engineOn(t, list, &fleet{}).Verify(t.Context(), v, quiet); !errors.Is(err, ErrTarget) {
		t.Errorf("nothing live to ask: %v", err)
	}
}
