package main

import (
	"strings"
	"testing"

	"aictl/configs"
)

func TestLoggerFollowsTheSettings(t *testing.T) {
	var out safeBuffer
	a := newApp(nil, &safeBuffer{}, &out, func(string) string { return "" })
	log, relog := a.logger(configs.LogSettings{Level: "warn", Format: "text"})
	part := log.With("part", "x").WithGroup("g")
	part.Info("first")
	part.Warn("second", "a", 1)
	relog(configs.LogSettings{Level: "debug", Format: "json"})
	part.Debug("third", "a", 2)
	relog(configs.LogSettings{Level: "info", Format: "auto"}) // no terminal: JSON
	part.Debug("fourth")
	part.Info("fifth")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%q", lines)
	}
	for i, want := range []string{`msg=second part=x g.a=1`, `"msg":"third","part":"x","g":{"a":2}`, `"msg":"fifth"`} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("%s lacks %s", lines[i], want)
		}
	}
}
