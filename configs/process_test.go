package configs

import (
	"encoding/json"
	"testing"
)

// FuzzRlimit: what is understood is written back so that it is understood the same, as text and in a stored manifest.
func FuzzRlimit(f *testing.F) {
	for _, seed := range []string{"0", "64", "64MiB", "unlimited", "INFINITY", "-1", "1.5GB", "", "9223372036854775807", " 7 ", "0x10", "1e3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var r, again Rlimit
		if r.UnmarshalText([]byte(text)) != nil {
			return
		}
		if r < Unlimited {
			t.Fatalf("%q is %d", text, r)
		}
		if err := again.UnmarshalText([]byte(r.String())); err != nil || again != r {
			t.Errorf("%q is written as %s and read as %d: %v", text, r, again, err)
		}
		data, err := json.Marshal(map[string]Rlimit{"core": r})
		if err != nil {
			t.Fatal(err)
		}
		stored := map[string]Rlimit{}
		if err := json.Unmarshal(data, &stored); err != nil || stored["core"] != r {
			t.Errorf("%q is stored as %s: %v", text, data, err)
		}
	})
}

func TestManifestWithFewProcesses(t *testing.T) {
	m := DefaultManifest()
	m.Resource.Pids = 3
	if err := m.Validate(); err != nil {
		t.Errorf("a small bound alone: %v", err)
	}
	for name, change := range map[string]func(){
		"nofile":  func() { m.Resource.Nofile = 64 },
		"rlimits": func() { m.Resource.Rlimits = map[string]Rlimit{"core": 0} },
		"process": func() { m.Process.Nice = 1 },
	} {
		*m = *DefaultManifest()
		m.Resource.Pids = 3
		if change(); m.Validate() == nil {
			t.Errorf("with %s, a start would not get to the program", name)
		}
	}
}
