package daemon

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aictl/configs"
	"aictl/deploy"
	"aictl/replay"
	"aictl/replay/compare"
	"aictl/store"
)

func TestWhatServesLiveRequests(t *testing.T) {
	running, stopped := store.Service{Wanted: store.WantedRunning}, store.Service{Wanted: store.WantedStopped}
	for _, c := range []struct {
		svc  store.Service
		row  store.Instance
		want bool
	}{
		{running, store.Instance{Live: true}, true},
		{stopped, store.Instance{Live: true}, false},
		{running, store.Instance{}, false},
		{running, store.Instance{Purpose: store.PurposeCandidate}, false},
		{running, store.Instance{Purpose: store.PurposeShadow}, false},
		{running, store.Instance{Purpose: store.PurposeCanary}, true},
	} {
		if got := serves(c.svc, c.row); got != c.want {
			t.Errorf("%+v of a service that is to be %s: %t", c.row, c.svc.Wanted, got)
		}
	}
}

func TestVerificationOfACandidate(t *testing.T) {
	var log []string
	in := deploy.GateInput{
		Deploy: 7, Service: "ocr", Live: "r1", Started: []store.Instance{{ID: "ocr/2", Port: 8002}, {ID: "ocr/3", Port: 8003}},
		Verify: configs.Verify{Replay: 9, MaxDiff: 0.1, Path: "/p*", Methods: []string{"POST"}, Ignore: []string{"$.a"}, Live: true},
		Log:    func(line string) { log = append(log, line) },
	}
	ask := verifier{}.request(in)
	if ask.Service != "ocr" || ask.Release != "r1" || ask.Last != 9 || ask.MaxDiff != 0.1 || ask.Path != "/p*" || !ask.Ask || len(ask.Compare.Ignore) != 1 ||
		!slices.Equal(ask.Addrs, []string{"127.0.0.1:8002", "127.0.0.1:8003"}) || len(log) != 0 {
		t.Errorf("asks %+v, logs %q", ask, log)
	}
	in.Alone = true
	if (verifier{}).request(in).Ask || len(log) != 1 {
		t.Errorf("a release that was stopped is asked; logs %q", log)
	}
	in.Live = ""
	if detail, err := (verifier{}).verify(t.Context(), in); err != nil || detail != "nothing is live to compare with" {
		t.Errorf("without a live release: %q, %v", detail, err)
	}
}

func TestReportOfAVerificationIsKept(t *testing.T) {
	rep := replay.Report{Baseline: "recorded", Sent: 40, Refused: map[string]int{"redacted": 2}, Failures: map[string]int{"timeout": 1}}
	for n := range 25 {
		rep.Result.Fields = append(rep.Result.Fields, compare.Field{Path: "$.f" + strings.Repeat("x", n), Kind: compare.KindMissing, Examples: []compare.Example{{Record: "0193", Base: "1"}}})
	}
	lines := strings.Join(reportLines(rep), "\n")
	for _, want := range []string{"40 recorded requests", "2 records were not sent: redacted", "1 requests were not answered: timeout", "changed: $.f (missing)", "record 0193: 1 → nothing", "and 5 more paths"} {
		if !strings.Contains(lines, want) {
			t.Errorf("the log lacks %q:\n%s", want, lines)
		}
	}
	if got := changedPaths(rep); got != "$.f, $.fx, $.fxx, $.fxxx, $.fxxxx, 20 more" {
		t.Errorf("changed: %s", got)
	}
	v := verifier{dir: t.TempDir()}
	if got, err := v.report(7); got != nil || err != nil {
		t.Errorf("a deploy that was not verified: %+v, %v", got, err)
	}
	if err := v.keep(7, rep); err == nil {
		t.Error("a folder that is not there takes a report")
	}
	if err := os.Mkdir(filepath.Join(v.dir, "deploys"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := v.keep(7, rep); err != nil {
		t.Fatal(err)
	}
	if got, err := v.report(7); err != nil || got.Sent != 40 || len(got.Result.Fields) != 25 {
		t.Errorf("kept %+v, %v", got, err)
	}
	if err := os.WriteFile(v.path(8), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := v.report(8); err == nil {
		t.Error("half a report is one")
	}
}
