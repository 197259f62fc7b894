package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aictl/api"
	"aictl/replay"
	"aictl/replay/compare"
)

func TestReplayAsksAndTells(t *testing.T) {
	s := newServer(t)
	s.stream("POST /api/v1/records/replay",
		api.ReplayEvent{Type: api.EventProgress, Progress: &replay.Progress{Phase: replay.PhaseReading, Read: 1000}},
		api.ReplayEvent{Type: api.EventProgress, Progress: &replay.Progress{Phase: replay.PhaseSending, Sent: 5, Expected: 10, Failed: 1}},
		api.ReplayEvent{Type: api.EventEnd, Summary: &replay.Summary{
			SchemaVersion: 1, Run: "run7", To: "ocr@r2", Speed: "2x", Read: 15, Expected: 10, Sent: 10, Statuses: map[string]int{"200": 8, "500": 1},
			Failures: map[string]int{"timeout": 1}, Refused: map[string]int{"redacted": 3, "truncated": 2}, Bare: 4, Seconds: 2, Rate: 5,
			Latency: replay.Times{P50: 12}, Lag: replay.Times{P50: 0.1, Max: 3}, SameAs: replay.SameAs{Status: 8, Body: 7, BodyKnow: 9}, Warnings: []string{"a day is gone"},
		}})
	args := []string{"records", "replay", "--service", "ocr", "--to", "ocr@r2", "--speed", "2x", "--sessions", "--concurrency", "3", "--timeout", "5s", "-n", "10",
		"-H", "Authorization: Bearer a:b", "--read-only", "--force"}
	got := s.run(t, args...)
	got.want(t, exitOK, []string{"✗ 10 of 10 requests sent to ocr@r2 in 2.00s (2x, 5.0 a second)", "200 8, 500 1", "timeout 1", "status 8, body 7 of 9", "masked 3, truncated 2",
		"4 were sent without credentials", "p50 12ms", "most 3.0ms", "run7"}, []string{"a day is gone"})
	s.sawRequest(t, `POST /api/v1/records/replay?service=ocr {"to":"ocr@r2","speed":"2x","sessions":true,"concurrency":3,"timeout":"5s","limit":10,"methods":["GET","HEAD","OPTIONS"],"header":{"Authorization":"Bearer a:b"},"force":true}`)
	s.runTTY(t, 80, args...).want(t, exitOK, nil, []string{"reading records: 1000", "sent 5 of 10, 1 not answered"})
	s.run(t, append(args, "-o", "json")...).want(t, exitOK, []string{`"schemaVersion": 1`, `"without_credentials": 4`}, nil)
}

func TestReplayThatIsCutShort(t *testing.T) {
	s := newServer(t)
	s.stream("POST /api/v1/records/replay", api.ReplayEvent{Type: api.EventProgress, Progress: &replay.Progress{Phase: replay.PhaseSending, Sent: 5, Expected: 10}},
		map[string]any{"error": problemOf(503, api.CodeUnavailable, "aictl is stopping")})
	s.run(t, "records", "replay", "--to", "x@y").want(t, exitFailed, nil, []string{"sent 5 of 10", "aictl is stopping"})
	cut := newServer(t)
	cut.stream("POST /api/v1/records/replay", api.ReplayEvent{Type: api.EventProgress, Progress: &replay.Progress{}})
	cut.run(t, "records", "replay", "--to", "x@y").want(t, exitFailed, nil, []string{"cut off"})
}

func TestReplayAndDiffUsage(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"replay", "--to is missing"},
		{"replay --to x@y --speed 3", "--speed \"3\""},
		{"replay --to x@y --timeout 0s", "--timeout 0s"},
		{"replay --to x@y --limit -1", "negative"},
		{"replay --to x@y -H nonsense", "--header \"nonsense\""},
		{"diff --baseline a@b", "--baseline and --candidate are needed"},
		{"diff --baseline a@b --candidate c@d --tolerance a=b", "--tolerance \"a=b\""},
		{"diff --baseline a@b --candidate c@d --tolerance NaN", "--tolerance \"NaN\""},
		{"diff --baseline a@b --candidate c@d --max-diff 101%", "--max-diff \"101%\""},
		{"diff --baseline a@b --candidate c@d --max-slower x", "--max-slower \"x\""},
	} {
		newServer(t).run(t, append([]string{"records"}, strings.Fields(c.args)...)...).want(t, exitUsage, nil, []string{c.want})
	}
}

func diffReport() replay.Report {
	return replay.Report{
		SchemaVersion: 1, Baseline: "ocr@r1", Candidate: "ocr@r2", Refused: map[string]int{"lost": 1}, Failures: map[string]int{}, Result: compare.Outcome{
			Compared: 200, Differ: 3, Rate: 0.015, Unordered: []string{"$.items"},
			Fields: []compare.Field{{Path: "$.label", Kind: compare.KindValue, Differs: 3, Examples: []compare.Example{{Record: recordID, Base: `"猫"`, Candidate: `"狗"`}}}},
			Noise: []compare.Field{{Path: "$.at", Kind: compare.KindValue, Differs: 200, Noisy: 199}, {Path: "$.score", Kind: compare.KindValue, Tolerance: 0.0012},
				{Path: "$.once", Kind: compare.KindNew, Differs: 1, Unconfirmed: true}},
			Latency: &compare.Latency{Base: compare.Quantiles{P50: 10}, Candidate: compare.Quantiles{P50: 20}, P50: compare.Interval{Estimate: 2, Low: 1.9, High: 2.1}},
		}}
}

func TestDiffTellsByItsExitCode(t *testing.T) {
	report := diffReport()
	s := newServer(t)
	s.stream("POST /api/v1/records/diff", api.DiffEvent{Type: api.EventEnd, Report: &report})
	page := filepath.Join(t.TempDir(), "report.html")
	args := []string{"records", "diff", "--service", "ocr", "--baseline", "ocr@r1", "--candidate", "ocr@r2", "--ignore", "$.a", "--unordered", "$.b", "--tolerance", "0.5",
		"--tolerance", "$.c=1", "--compare-header", "ETag", "--max-diff", "0.5%", "--max-slower", "20%"}
	s.run(t, append(args, "--html", page)...).want(t, exitFailed, []string{"✗ it differs: ocr@r2 against ocr@r1: 3 of 200 requests differ (1.5%, allowed 0%)", "$.label  value  3 (1.5%)", `"猫"`, `"狗"`, recordID,
		"×2.00, 1.90–2.10", "±0.0012", "once, not again", "$.items"}, []string{"the report is in"})
	s.sawRequest(t, `POST /api/v1/records/diff?service=ocr {"baseline":"ocr@r1","candidate":"ocr@r2","ignore":["$.a"],"unordered":["$.b"],"tolerance":0.5,"path_tolerance":{"$.c":1},"compare_headers":["ETag"],"max_diff":0.005,"max_slower":0.2,"speed":"max","timeout":"1m0s"}`)
	if html, err := os.ReadFile(page); err != nil || !strings.Contains(string(html), "$.label") {
		t.Errorf("the page: %v", err)
	}
	program{env: map[string]string{"AICTL_SERVER": s.URL, "LANG": "zh_CN.UTF-8"}}.run(t, args...).want(t, exitFailed, []string{"✗ 有差异", "变化", "噪声"}, nil)

	report.Same = true
	same := newServer(t)
	same.stream("POST /api/v1/records/diff", api.DiffEvent{Type: api.EventEnd, Report: &report})
	same.run(t, args...).want(t, exitOK, []string{"✓ differs within what is allowed"}, nil)
	same.run(t, append(args, "--html", "/nonexistent/x.html")...).want(t, exitIncomparable, nil, []string{"write the report"})

	for status, code := range map[int]int{422: exitIncomparable, 503: exitIncomparable, 409: exitConflict, 404: exitNotFound, 401: exitDenied} {
		bad := newServer(t)
		bad.answer("POST /api/v1/records/diff", problemOf(status, api.CodeInvalid, "no"))
		bad.run(t, args...).want(t, code, nil, []string{"no"})
	}
	program{env: map[string]string{"AICTL_SERVER": "http://127.0.0.1:1"}}.run(t, args...).want(t, exitUnreachable, nil, nil)
}

func TestDeployAsksForVerification(t *testing.T) {
	s := newServer(t)
	s.answer("POST /api/v1/deploys", api.DeployDocument{SchemaVersion: 1, Deploy: api.Deploy{ID: 7, Service: "ocr", State: "queued"}})
	report := diffReport()
	s.answer("GET /api/v1/deploys/7", api.DeployDocument{SchemaVersion: 1, Deploy: api.Deploy{ID: 7, Service: "ocr", State: "failed"}, Verified: &report})
	s.run(t, "deploy", "https://git.example.com/ocr.git", "--wait=false", "--verify-replay", "200", "--verify-threshold", "1%", "--verify-live", "--verify-path", "/p*", "--verify-method", "GET,POST").want(t, exitOK, nil, nil)
	s.sawRequest(t, `"verify":{"replay":200,"max_diff":0.01,"live":true,"path":"/p*","methods":["GET","POST"]}`)
	s.run(t, "deploy", "https://git.example.com/ocr.git", "--wait=false", "--verify-replay", "0").want(t, exitOK, nil, nil)
	s.sawRequest(t, `"verify":{"replay":0}`)
	s.run(t, "deploy", "https://git.example.com/ocr.git", "--verify-replay", "-1").want(t, exitUsage, nil, []string{"--verify-replay -1"})
	s.run(t, "deploy", "https://git.example.com/ocr.git", "--verify-threshold", "2").want(t, exitUsage, nil, []string{"is not a share"})
	s.run(t, "deploys", "show", "7").want(t, exitOK, []string{"Verification", "$.label"}, nil)
}
