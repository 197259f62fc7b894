package main

import (
	"strings"
	"testing"

	"aictl/api"
)

func TestStatusTable(t *testing.T) {
	s := newServer(t)
	s.answer("GET /api/v1/services", fleet())
	got := s.run(t, "status")
	want := `SERVICE  STATE    HEALTH    READY  RELEASE      PORT       UPTIME  RESTARTS   CPU  MEMORY  URL                            NOTE
ocr      running  healthy   2/2    r3-1a2b3c4d  8001,8002    1h2m         2  2.0%  80 MiB  http://127.0.0.1:7680/ai/ocr
分类     backoff  starting  0/1    r1-ffff0000  8003            -         5     -       -  http://127.0.0.1:7680/ai/分类  exited with code 1 twice; next start in 4s
`
	if got.out != want || got.code != exitOK || got.err != "" {
		t.Errorf("exit code %d, stderr %q, stdout:\n%s\nwant:\n%s", got.code, got.err, got.out, want)
	}
}

func TestStatusWideShowsInstances(t *testing.T) {
	s := newServer(t)
	s.answer("GET /api/v1/services", fleet())
	s.run(t, "status", "-o", "wide").want(t, exitOK, []string{"├ ocr/1", "└ ocr/2", "COMMIT", "1a2b3c4d", "11", "└ 分类/1"}, nil)
}

// TestStatusFitsTheTerminal: no line of a table is wider than the terminal, wide characters counted as two columns.
func TestStatusFitsTheTerminal(t *testing.T) {
	s := newServer(t)
	s.answer("GET /api/v1/services", fleet())
	for _, width := range []int{100, 120, 200} {
		got := s.runTTY(t, width, "status", "--no-color")
		for line := range strings.Lines(got.out) {
			if n := columns(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("%d columns on a terminal of %d: %q", n, width, line)
			}
		}
		if !strings.Contains(got.out, "● running") || !strings.Contains(got.out, "▲ backoff") {
			t.Errorf("no marks in\n%s", got.out)
		}
	}
}

func TestColoursOnlyWhereWanted(t *testing.T) {
	s := newServer(t)
	s.answer("GET /api/v1/services", fleet())
	if got := s.runTTY(t, 120, "status"); !strings.Contains(got.out, "\x1b[32m● running\x1b[0m") {
		t.Errorf("no colours on a terminal: %q", got.out)
	}
	for name, got := range map[string]result{
		"pipe":       s.run(t, "status"),
		"--no-color": s.runTTY(t, 120, "status", "--no-color"),
		"NO_COLOR":   program{env: map[string]string{"AICTL_SERVER": s.URL, "NO_COLOR": "1"}, width: 120}.run(t, "status"),
	} {
		if strings.Contains(got.out, "\x1b[") {
			t.Errorf("%s: colours in %q", name, got.out)
		}
	}
}

func TestStatusJSONIsTheDocumentedShape(t *testing.T) {
	s := newServer(t)
	s.answer("GET /api/v1/services", fleet())
	got := s.run(t, "status", "-o", "json")
	got.want(t, exitOK, []string{`"schemaVersion": 1`, `"uptime_seconds": 3725`, `"cpu_percent": 1.5`, `"commit": "1a2b3c4d5e6f"`}, nil)
	if strings.Contains(got.out, "detail") {
		t.Errorf("details are not part of it:\n%s", got.out)
	}
	s.run(t, "status", "-o", "yaml").want(t, exitOK, []string{"schemaVersion: 1\nservices:\n  - name: ocr\n", "commit: 1a2b3c4d5e6f"}, nil)
}

func TestStatusExitCodes(t *testing.T) {
	tests := []struct {
		name string
		args []string
		list any
		code int
		err  string
	}{
		{"all, some in trouble", nil, fleet(), exitOK, ""},
		{"named and running", []string{"ocr"}, api.ServiceList{Services: fleet().Services[:1]}, exitOK, ""},
		{"named and not running", []string{"分类"}, api.ServiceList{Services: fleet().Services[1:]}, exitNotRunning, ""},
		{"unknown, told by the server", []string{"nope"}, problemOf(404, api.CodeNotFound, `no service matches "nope"`), exitNotFound, `error: no service matches "nope"`},
		{"unknown, told by an empty list", []string{"nope"}, api.ServiceList{}, exitNotFound, `error: no service matches "nope"`},
		{"not allowed", nil, problemOf(401, api.CodeUnauthorized, "no token"), exitDenied, "hint: give the token with --token"},
		{"none yet", nil, api.ServiceList{}, exitOK, "no services yet"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			s.answer("GET /api/v1/services", tt.list)
			s.run(t, append([]string{"status"}, tt.args...)...).want(t, tt.code, nil, []string{tt.err})
		})
	}
}

func TestStatusSpeaksChinese(t *testing.T) {
	s := newServer(t)
	s.answer("GET /api/v1/services", fleet())
	got := s.run(t, "status", "--lang", "zh")
	got.want(t, exitOK, []string{"服务", "状态", "运行中"}, nil)
	lines := strings.Split(strings.TrimSpace(got.out), "\n")
	at := func(line, word string) int { return columns(line[:strings.Index(line, word)]) }
	if at(lines[0], "URL") != at(lines[1], "http") || at(lines[1], "http") != at(lines[2], "http") {
		t.Errorf("columns do not align:\n%s", got.out)
	}
}

func TestNoDaemon(t *testing.T) {
	dir := t.TempDir()
	program{}.run(t, "status", "--data-dir", dir).want(t, exitUnreachable, nil,
		[]string{"error: no daemon answers at unix:" + dir + "/run/api.sock (no such file or directory)", "hint: start one with `aictl --data-dir " + dir + " daemon`"})
	program{}.run(t, "status", "--server", "http://127.0.0.1:1").want(t, exitUnreachable, nil,
		[]string{"error: no daemon answers at http://127.0.0.1:1 (connection refused)", "hint: check the address"})
}
