package main

import (
	"strings"
	"testing"
	"time"

	"aictl/api"
)

func TestReportText(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	a := newApp(nil, &safeBuffer{}, &safeBuffer{}, func(string) string { return "" })
	a.now = func() time.Time { return now }
	for _, c := range []struct {
		report  *api.StatusReport
		want    string
		warning string
	}{
		{nil, "", ""},
		{&api.StatusReport{State: "success", Gitea: "https://g", Progress: "told"}, "success on https://g", ""},
		{&api.StatusReport{State: "pending", Gitea: "https://g", Progress: "waiting"}, "about to be told", ""},
		{&api.StatusReport{State: "failure", Gitea: "https://g", Progress: "waiting", Tries: 3, Error: "the token was refused", NextAt: now.Add(20 * time.Second)}, "tried 3 times, again in 20", "the token was refused"},
		{&api.StatusReport{State: "failure", Gitea: "https://g", Progress: "given_up", Error: "status 404"}, "not tried any more", "status 404"},
	} {
		if got := a.reportText(c.report); !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%+v: %q, want %q", c.report, got, c.want)
		}
		if got := a.reportWarning(c.report); !strings.Contains(got, c.warning) || c.warning == "" && got != "" {
			t.Errorf("%+v: warning %q, want %q", c.report, got, c.warning)
		}
	}
}
