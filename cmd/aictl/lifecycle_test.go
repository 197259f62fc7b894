package main

import (
	"strings"
	"testing"

	"aictl/api"
)

func TestActions(t *testing.T) {
	s := newServer(t)
	s.answer("POST /api/v1/actions", api.ActionResults{SchemaVersion: 1, Action: "restart", Results: []api.ActionResult{
		{Service: "ocr", OK: true, DurationSeconds: 0.35},
		{Service: "分类", Code: api.CodeTimeout, Message: "not healthy after 2m0s\n", DurationSeconds: 120},
	}})
	s.run(t, "restart", "o*", "@text").want(t, exitFailed, []string{"ocr: restarted 350ms\n", "分类: failed: not healthy after 2m0s 2m\n"}, nil)
	s.sawRequest(t, `{"action":"restart","patterns":["o*","@text"]}`)
	s.run(t, "restart", "*", "-o", "json").want(t, exitFailed, []string{`"duration_seconds": 0.35`, `"code": "timeout"`}, nil)
	s.run(t, "scale", "ocr", "0")
	s.sawRequest(t, `{"action":"scale","patterns":["ocr"],"replicas":0}`)
	s.run(t, "signal", "ocr", "HUP")
	s.sawRequest(t, `{"action":"signal","patterns":["ocr"],"signal":"HUP"}`)
	s.run(t, "scale", "ocr", "many").want(t, exitUsage, nil, []string{`"many" is not a number of instances`})
	s.run(t, "stop").want(t, exitUsage, nil, []string{"error: aictl stop needs PATTERN…", "hint: see `aictl stop --help`"})
}

func TestResultCodes(t *testing.T) {
	ok, conflict, missing := api.ActionResult{OK: true}, api.ActionResult{Code: api.CodeConflict}, api.ActionResult{Code: api.CodeNotFound}
	tests := []struct {
		results []api.ActionResult
		want    int
	}{
		{nil, exitOK},
		{[]api.ActionResult{ok, ok}, exitOK},
		{[]api.ActionResult{conflict}, exitConflict},
		{[]api.ActionResult{missing}, exitNotFound},
		{[]api.ActionResult{ok, conflict}, exitFailed},
		{[]api.ActionResult{missing, conflict}, exitFailed},
	}
	for _, tt := range tests {
		if got := codeOf(resultCode(tt.results)); got != tt.want {
			t.Errorf("%+v: %d, want %d", tt.results, got, tt.want)
		}
	}
}

func TestRemoveAsksFirst(t *testing.T) {
	s := newServer(t)
	s.answer("POST /api/v1/actions", api.ActionResults{Action: "remove", Results: []api.ActionResult{{Service: "ocr", OK: true}}})
	got := s.run(t, "remove", "ocr")
	got.want(t, exitUsage, nil, []string{"this is no terminal", "hint: add --yes"})
	if len(s.asked) != 0 {
		t.Errorf("it was removed without a question: %q", s.asked)
	}
	s.run(t, "remove", "ocr", "--yes").want(t, exitOK, []string{"ocr: removed"}, nil)
}

func TestUsageErrors(t *testing.T) {
	for args, want := range map[string]string{
		"statsu":                                 "hint: did you mean `aictl status`?",
		"records lsit":                           "hint: did you mean `aictl records list`?",
		"status --nope":                          "unknown flag: --nope",
		"status -o xml":                          `--output "xml" is not known`,
		"version now":                            `aictl version takes no arguments, got "now"`,
		"status --server x --data-dir":           "flag needs an argument",
		"status --server http://x --data-dir /x": "exclude each other",
		"--lang fr status":                       `--lang "fr" is not a language`,
		"status --server ftp://x":                "want http://HOST:PORT",
		"completion tcsh":                        `there is no completion for "tcsh"`,
		"call ocr":                               "nothing to send to ocr",
		"call ocr -d {":                          "-d is not JSON",
		"call ocr -d @/nope":                     "-d @/nope: open /nope",
		"call ocr -F image":                      "not NAME=VALUE",
		"call ocr -d 1 -F a=b":                   "--data and --form exclude each other",
		"call ocr /x -H nope":                    "not NAME: VALUE",
		"logs ocr -n 0":                          "-n 0 shows nothing",
		"logs ocr --since whenever":              `"whenever" is not a time`,
		"logs ocr --stdout --stderr":             "--stderr and --stdout exclude each other",
		"logs ocr --grep [":                      "--grep: error parsing regexp",
		"records list --since x":                 `"x" is not a time`,
		"records show 1 --body both":             `--body "both" is not a side`,
		"doctor --ports 9-1":                     "--ports:",
		"daemon --ports x":                       "is not a range of ports",
		"deploy a/b --env =x":                    "is not K=V",
		"deploy a/b --replicas -1":               "is not a number of instances",
	} {
		got := program{}.run(t, strings.Fields(args)...)
		if got.code != exitUsage || !strings.Contains(got.err, want) || got.out != "" {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q; want 2 and %q", args, got.code, got.out, got.err, want)
		}
	}
}

func TestHelpOfEveryCommand(t *testing.T) {
	a := newApp(nil, &safeBuffer{}, &safeBuffer{}, func(string) string { return "" })
	for _, cmd := range allCommands(a.rootCommand()) {
		if cmd.Short == "" || cmd.Long == "" || cmd.Example == "" {
			t.Errorf("%s lacks a text or an example", cmd.CommandPath())
		}
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		for _, lang := range []string{"en", "zh"} {
			got := program{}.run(t, append(args, "--lang", lang)...)
			usage := map[string]string{"en": "Usage:", "zh": "用法："}[lang]
			got.want(t, exitOK, []string{usage, cmd.CommandPath()}, nil)
		}
	}
}

func TestVersionWithoutDaemon(t *testing.T) {
	got := program{}.run(t, "version", "--server", "http://127.0.0.1:1")
	got.want(t, exitOK, []string{"aictl dev", "go1."}, nil)
	s := newServer(t)
	s.answer("GET /api/v1/version", api.Version{Version: "1.2.3", API: "http://127.0.0.1:7600", StartedAt: now, KeeperProtocol: 1})
	s.run(t, "version").want(t, exitOK, []string{"daemon 1.2.3 (-), up 0s, at http://127.0.0.1:7600, keeper protocol 1"}, nil)
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		program{}.run(t, "completion", shell).want(t, exitOK, []string{"aictl"}, nil)
	}
	s := newServer(t)
	s.answer("GET /api/v1/services", fleet())
	s.run(t, "__complete", "status", "").want(t, exitOK, []string{"ocr\trunning", "分类\tbackoff", "@vision\tgroup"}, nil)
	got := s.run(t, "__complete", "restart", "ocr", "")
	if strings.Contains(got.out, "ocr\t") {
		t.Errorf("offered twice: %q", got.out)
	}
	s.run(t, "__complete", "call", "ocr", "").want(t, exitOK, []string{"/predict", "/health"}, nil)
}
