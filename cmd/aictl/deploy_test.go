package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aictl/api"
)

func step(seq int, name, state, detail string) api.DeployEvent {
	s := &api.Step{Seq: seq, Name: name, State: state, Detail: detail, StartedAt: now.Add(-2 * time.Second)}
	if state != "running" {
		s.FinishedAt = now
	}
	return api.DeployEvent{Type: api.EventStep, Step: s}
}

func logLine(text string) api.DeployEvent {
	return api.DeployEvent{Type: api.EventLog, Name: "environment", Line: text}
}

func end(d api.Deploy) api.DeployEvent { return api.DeployEvent{Type: api.EventEnd, Deploy: &d} }

// deployServer answers one deploy of ocr whose events are given; the last one ends it.
func deployServer(t *testing.T, events ...any) *server {
	s := newServer(t)
	queued := api.Deploy{ID: 7, Service: "ocr", Kind: "deploy", State: "queued", Source: api.Source{Kind: "git", URL: "https://git.example.com/team/ocr.git", Ref: "main"}}
	s.answer("POST /api/v1/deploys", api.DeployDocument{SchemaVersion: 1, Deploy: queued})
	s.answer("POST /api/v1/services/ocr/rollback", api.DeployDocument{SchemaVersion: 1, Deploy: queued})
	s.stream("GET /api/v1/deploys/7/events", events...)
	last := queued
	for _, ev := range events {
		if ev, ok := ev.(api.DeployEvent); ok && ev.Deploy != nil {
			last = *ev.Deploy
		}
	}
	s.answer("GET /api/v1/deploys/7", api.DeployDocument{SchemaVersion: 1, Deploy: last, Tail: []string{"Collecting nosuchpackage", "ERROR: No matching distribution found"}})
	s.answer("GET /api/v1/services/ocr", api.ServiceDocument{SchemaVersion: 1, Service: fleet().Services[0]})
	return s
}

func TestDeploySucceeds(t *testing.T) {
	live := api.Deploy{ID: 7, Service: "ocr", State: "live", Release: "r4-99aa88bb", DurationSeconds: 3.5, Warnings: []string{"no /info"}}
	s := deployServer(t, step(1, "fetch", "running", ""), step(1, "fetch", "done", "99aa88bb"), step(2, "environment", "done", "reused 3f2a"), end(live))
	got := s.run(t, "deploy", "https://git.example.com/team/ocr.git", "--ref", "main", "--env", "MODEL=base", "--replicas", "2")
	got.want(t, exitOK,
		[]string{"ocr is live: release r4-99aa88bb after 3.50s", "http://127.0.0.1:7680/ai/ocr", `call it: aictl call ocr -d '{"input_data": ["…"]}'`},
		[]string{"deploy 7 of ocr from https://git.example.com/team/ocr.git@main", "fetch: done (2.00s) 99aa88bb\n", "environment: done (2.00s) reused 3f2a\n", "warning: no /info"})
	s.sawRequest(t, `"source":{"kind":"git","url":"https://git.example.com/team/ocr.git","ref":"main"}`)
	s.sawRequest(t, `"env":{"MODEL":"base"},"replicas":2,"trigger":"cli"`)
}

func TestDeployDrawsStepsOnATerminal(t *testing.T) {
	live := api.Deploy{ID: 7, Service: "ocr", State: "live", Release: "r4-99aa88bb"}
	s := deployServer(t, step(1, "fetch", "done", "99aa88bb"), step(2, "environment", "running", ""), logLine("Downloading torch\x1b[2J"), end(live))
	got := s.runTTY(t, 80, "deploy", "https://git.example.com/team/ocr.git", "--no-color")
	got.want(t, exitOK, []string{"✓ ocr is live"}, []string{"✓ fetch           2.00s 99aa88bb", "⠋ environment     2.00s", "│ Downloading torch", "\x1b[2A\r"})
	if strings.Contains(got.err, "\x1b[2J") {
		t.Error("the build's escape sequences reach the terminal")
	}
}

func TestDeployFails(t *testing.T) {
	failed := api.Deploy{ID: 7, Service: "ocr", State: "failed", FailedStep: "environment", Error: "pip exited with code 1", DurationSeconds: 12}
	s := deployServer(t, step(1, "fetch", "done", ""), step(2, "environment", "failed", "pip exited with code 1"), end(failed))
	s.run(t, "deploy", "https://git.example.com/team/ocr.git").want(t, exitFailed, nil, []string{
		`error: deploy 7 of ocr failed at step "environment" after 12.00s: pip exited with code 1`,
		"│ ERROR: No matching distribution found", "release r3-1a2b3c4d keeps serving ocr", "hint: the whole story: aictl deploys show 7"})
	got := s.run(t, "deploy", "https://git.example.com/team/ocr.git", "-o", "json")
	var doc api.DeployDocument
	if err := json.Unmarshal([]byte(got.out), &doc); err != nil || doc.Deploy.State != "failed" || got.code != exitFailed {
		t.Errorf("exit code %d, %v, stdout %q", got.code, err, got.out)
	}
}

func TestOtherEndsOfADeploy(t *testing.T) {
	for state, text := range map[string]string{"superseded": "was superseded by a newer one", "cancelled": "was cancelled", "interrupted": "was interrupted"} {
		s := deployServer(t, end(api.Deploy{ID: 7, Service: "ocr", State: state}))
		s.run(t, "rollback", "ocr").want(t, exitFailed, nil, []string{text, "keeps serving ocr"})
	}
}

func TestFirstDeployFails(t *testing.T) {
	s := deployServer(t, end(api.Deploy{ID: 7, Service: "new", State: "failed", FailedStep: "fetch", Error: "no such repository"}))
	s.answer("GET /api/v1/services/new", problemOf(404, api.CodeNotFound, "no service new"))
	s.run(t, "deploy", "team/ocr").want(t, exitFailed, nil, []string{"nothing serves new: it has had no live release yet"})
	s.sawRequest(t, `"source":{"kind":"gitea","url":"team/ocr"}`)
}

func TestDeployWithoutWaiting(t *testing.T) {
	s := deployServer(t)
	s.run(t, "deploy", "team/ocr", "--wait=false").want(t, exitOK, []string{"deploy 7 of ocr is queued; follow it with: aictl deploys show 7 --follow"}, nil)
}

func TestDeployIsNotDoneInTime(t *testing.T) {
	s := newServer(t)
	s.answer("POST /api/v1/deploys", api.DeployDocument{Deploy: api.Deploy{ID: 7, Service: "ocr"}})
	s.mux.HandleFunc("GET /api/v1/deploys/7/events", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, jsonOf(step(1, "fetch", "running", ""))+"\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	s.run(t, "deploy", "team/ocr", "--timeout", "50ms").want(t, exitTimeout, nil,
		[]string{"deploy 7 is not done after 0s; it goes on", "follow it: aictl deploys show 7 --follow", "cancel it: aictl deploys cancel 7"})
}

// TestDeployOutlivesADaemonRestart: a stream that is cut off is taken up again, and no step is told twice.
func TestDeployOutlivesADaemonRestart(t *testing.T) {
	s := newServer(t)
	s.answer("POST /api/v1/deploys", api.DeployDocument{Deploy: api.Deploy{ID: 7, Service: "ocr"}})
	s.answer("GET /api/v1/services/ocr", api.ServiceDocument{Service: fleet().Services[0]})
	calls := 0
	s.mux.HandleFunc("GET /api/v1/deploys/7/events", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, jsonOf(step(1, "fetch", "done", ""))+"\n")
		if calls++; calls == 2 {
			io.WriteString(w, jsonOf(end(api.Deploy{ID: 7, Service: "ocr", State: "live"}))+"\n")
		}
	})
	got := s.run(t, "deploy", "team/ocr")
	got.want(t, exitOK, []string{"ocr is live"}, nil)
	if n := strings.Count(got.err, "fetch: done"); n != 1 {
		t.Errorf("fetch was told %d times", n)
	}
}

func TestReadSource(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, d := range []string{"service", "team/ocr", "bare/objects", "bare/refs", "clone/.git"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"bare/HEAD", "file"} {
		if err := os.WriteFile(f, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		text, ref, server string
		kind, url, err    string
	}{
		{"service", "", "", kindDir, dir + "/service", ""},
		{"./service", "", "", kindDir, dir + "/service", ""},
		{".", "", "", kindDir, dir, ""},
		{"~/service", "", "", kindDir, dir + "/service", ""},
		{"bare", "", "", kindGit, dir + "/bare", ""},
		{"clone", "v1", "", kindGit, dir + "/clone", ""},
		{"clone", "", "", kindDir, dir + "/clone", ""},
		{"service", "v1", "", "", "", "is no Git repository"},
		{"team/ocr", "", "", kindDir, dir + "/team/ocr", ""},
		{"team/other", "", "", kindGitea, "team/other", ""},
		{"./team/other", "", "", "", "", "there is no source"},
		{"nowhere.git", "", "", kindHosted, "nowhere", ""},
		{"nowhere", "v1", "http://far:7600", kindHosted, "nowhere", ""},
		{"no*where", "", "", "", "", `there is no source "no*where"`},
		{"file", "", "", "", "", "is a file"},
		{"https://host/a/b.git", "", "http://far:7600", kindGit, "https://host/a/b.git", ""},
		{"git@host:a/b.git", "", "", kindGit, "git@host:a/b.git", ""},
		{"file:///srv/git/a.git", "", "", kindGit, "file:///srv/git/a.git", ""},
		{"service", "", "http://far:7600", "", "", "the daemon at http://far:7600 is on another"},
		{"service", "", "http://127.0.0.1:7600", kindDir, dir + "/service", ""},
		{"team/other", "", "http://far:7600", kindGitea, "team/other", ""},
	}
	for _, tt := range tests {
		a := newApp(nil, io.Discard, io.Discard, func(k string) string { return map[string]string{"HOME": dir}[k] })
		a.server = tt.server
		got, err := a.readSource(tt.text, tt.ref, "")
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) || codeOf(err) != exitUsage {
				t.Errorf("%q: %v, want %q and exit code 2", tt.text, err, tt.err)
			}
			continue
		}
		if err != nil || got.Kind != tt.kind || got.URL != tt.url {
			t.Errorf("%q with ref %q: %+v, %v; want %s %s", tt.text, tt.ref, got, err, tt.kind, tt.url)
		}
	}
}

func TestSampleIsSuggested(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "samples"), 0o755); err != nil {
		t.Fatal(err)
	}
	sample := filepath.Join(dir, "samples", "one.json")
	if err := os.WriteFile(sample, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := deployServer(t, end(api.Deploy{ID: 7, Service: "ocr", State: "live"}))
	s.run(t, "deploy", dir).want(t, exitOK, []string{"call it: aictl call ocr -d @" + sample}, nil)
}

func TestDeploysCommands(t *testing.T) {
	s := newServer(t)
	failed := api.Deploy{ID: 7, Service: "ocr", State: "failed", Kind: "deploy", FailedStep: "health", Error: "GET /health answered 500\nand more", Commit: "1a2b3c4d5e6f", CreatedAt: now.Add(-2 * time.Hour), StartedAt: now.Add(-2 * time.Hour), DurationSeconds: 61, Actor: "root", Trigger: "cli"}
	s.answer("GET /api/v1/deploys", api.DeployList{SchemaVersion: 1, Deploys: []api.Deploy{failed}, Next: "c2"})
	s.answer("GET /api/v1/deploys/7", api.DeployDocument{SchemaVersion: 1, Deploy: failed, Steps: []api.Step{*step(1, "fetch", "done", "x").Step, *step(2, "health", "failed", "500").Step}, Tail: []string{"boom"}})
	s.answer("POST /api/v1/deploys/7/cancel", problemOf(409, api.CodeConflict, "deploy 7 has ended: failed"))
	s.answer("GET /api/v1/deploys/8", problemOf(404, api.CodeNotFound, "no deploy 8"))

	s.run(t, "deploys").want(t, exitOK, []string{"7  ocr      failed  1a2b3c4d  -        2h ago   1m1s  health: GET /health answered 500\n"}, []string{"there are more: add --cursor c2"})
	s.run(t, "deploys", "ocr", "--limit", "5")
	s.sawRequest(t, "/api/v1/deploys?limit=5&service=ocr")
	s.run(t, "deploys", "show", "7").want(t, exitOK, []string{"deploy 7 of ocr", "root (cli)", "✗ health", "error: GET /health answered 500\nand more", "│ boom"}, nil)
	s.run(t, "deploys", "show", "7", "--follow").want(t, exitFailed, nil, nil)
	s.run(t, "deploys", "show", "8").want(t, exitNotFound, nil, []string{"error: no deploy 8"})
	s.run(t, "deploys", "show", "x").want(t, exitUsage, nil, []string{`"x" is not the number of a deploy`})
	s.run(t, "deploys", "cancel", "7").want(t, exitConflict, nil, []string{"deploy 7 has ended: failed"})
}
