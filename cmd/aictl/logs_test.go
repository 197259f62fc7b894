package main

import (
	"strings"
	"testing"
	"time"

	"aictl/api"
)

func TestLogs(t *testing.T) {
	s := newServer(t)
	s.answer("GET /api/v1/services", fleet())
	s.stream("GET /api/v1/logs",
		api.LogLine{Time: now, Service: "ocr", Instance: "ocr/1", Stream: "stdout", Text: "模型已加载"},
		api.LogLine{Time: now, Service: "分类", Instance: "分类/1", Stream: "stderr", Text: "Traceback"})
	s.run(t, "logs", "ocr", "分类").want(t, exitOK, []string{"ocr/1 | 模型已加载\n分类/1 | Traceback\n"}, nil)
	s.run(t, "logs", "ocr", "--instance", "ocr/1").want(t, exitOK, []string{"模型已加载\nTraceback\n"}, nil)
	s.run(t, "logs", "ocr", "-o", "json").want(t, exitOK, []string{`"instance":"ocr/1","stream":"stdout","text":"模型已加载"}` + "\n{"}, nil)
	s.run(t, "logs", "ocr", "-o", "wide").want(t, exitOK, []string{now.Local().Format("2006-01-02 15:04:05.000") + " ocr/1 | "}, nil)
	s.runTTY(t, 80, "logs", "ocr").want(t, exitOK, []string{"\x1b[36mocr/1 |\x1b[0m 模型已加载\n", "\x1b[31mTraceback\x1b[0m"}, nil)
}

func TestLogsQuery(t *testing.T) {
	a := newApp(nil, &safeBuffer{}, &safeBuffer{}, func(string) string { return "" })
	a.now = func() time.Time { return now }
	tests := []struct {
		name  string
		flags logsFlags
		given bool
		want  api.LogsQuery
	}{
		{"plain", logsFlags{lines: 100}, false, api.LogsQuery{Lines: 100}},
		{"since shows all of it", logsFlags{lines: 100, since: "10m"}, false, api.LogsQuery{Lines: -1, Since: now.Add(-10 * time.Minute)}},
		{"since and lines", logsFlags{lines: 5, since: "10m"}, true, api.LogsQuery{Lines: 5, Since: now.Add(-10 * time.Minute)}},
		{"only what comes", logsFlags{lines: 0, follow: true}, true, api.LogsQuery{Lines: -1, Since: now, Follow: true}},
		{"stderr", logsFlags{lines: 1, stderr: true, grep: "a|b"}, true, api.LogsQuery{Lines: 1, Stream: "stderr", Grep: "a|b"}},
	}
	for _, tt := range tests {
		got, err := a.logsQuery([]string{"ocr"}, tt.flags, tt.given)
		tt.want.Services = []string{"ocr"}
		if err != nil || jsonOf(got) != jsonOf(tt.want) {
			t.Errorf("%s: %+v, %v; want %+v", tt.name, got, err, tt.want)
		}
	}
}

func TestSafeForTerminal(t *testing.T) {
	for in, want := range map[string]string{
		"plain 文字\ttab":                      "plain 文字\ttab",
		"\x1b[31mred\x1b[0m":                 "\x1b[31mred\x1b[0m\x1b[0m",
		"clear\x1b[2J\x1b[H":                 "clear",
		"title\x1b]0;owned\x07!":             "title!",
		"title\x1b]0;owned\x1b\\!":           "title!",
		"bell\x07 back\b\r over":             "bell back over",
		"query\x1b[c\x1b[>0q":                "query",
		"\u009b2Jc1":                         "2Jc1",
		"\x1b[1;38;5;196mbold\x1b[m \x1b[5n": "\x1b[1;38;5;196mbold\x1b[m \x1b[0m",
		"nul\x00[31m":                        "nul[31m",
		"dangling\x1b":                       "dangling",
	} {
		if got := safeForTerminal(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// FuzzSafeForTerminal: whatever a service prints, what reaches the terminal are colours and printable text.
func FuzzSafeForTerminal(f *testing.F) {
	for _, seed := range []string{"\x1b[31mred", "\x1b]52;c;aGk=\x07", "\x1b\x1b[2J[2J", "\x1bP+q\x1b\\", "\u009b31m", "\xff\x1b["} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rest := colorSequence.ReplaceAllString(safeForTerminal(text), "")
		if i := strings.IndexFunc(rest, func(r rune) bool { return r != '\t' && (r < 0x20 || r >= 0x7f && r < 0xa0) }); i >= 0 {
			t.Errorf("%q leaves %q", text, rest[i:])
		}
	})
}
