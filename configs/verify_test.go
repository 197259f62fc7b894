package configs

import (
	"strings"
	"testing"
)

func TestVerifyFaults(t *testing.T) {
	for name, c := range map[string]struct {
		verify Verify
		want   string // "" is good
	}{
		"nothing":          {Verify{}, ""},
		"good":             {Verify{Replay: 10, MaxDiff: 0.1, Path: "/a*", Methods: []string{"GET"}, Ignore: []string{"header.ETag", "$.a"}}, ""},
		"many":             {Verify{Replay: 2_000_000}, "verify.replay"},
		"negative":         {Verify{Replay: -1}, "verify.replay"},
		"without a number": {Verify{Ignore: []string{"$.a"}}, "how many recorded requests"},
		"share":            {Verify{Replay: 1, MaxDiff: 2}, "verify.max_diff"},
		"path":             {Verify{Replay: 1, Path: "predict"}, "does not begin with /"},
		"method":           {Verify{Replay: 1, Methods: []string{"GET", "A B"}}, "verify.methods[1]"},
		"ignore":           {Verify{Replay: 1, Ignore: []string{"meta"}}, "verify.ignore[0]"},
		"unordered":        {Verify{Replay: 1, Unordered: []string{"status"}}, "verify.unordered[0]"},
		"tolerance":        {Verify{Replay: 1, Tolerance: -1}, "verify.tolerance"},
	} {
		m := DefaultManifest()
		m.Verify = c.verify
		err := m.Validate()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestShare(t *testing.T) {
	for text, want := range map[string]Share{"1%": 0.01, "0.5 %": 0.005, "0.25": 0.25, "0": 0, "1": 1, "100%": 1} {
		var s Share
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
	for _, text := range []string{"", "%", "2", "101%", "-1%", "NaN", "many"} {
		var s Share
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken as %v", text, s)
		}
	}
	if got := Share(0.005).String(); got != "0.5%" {
		t.Errorf("written as %s", got)
	}
}
