package daemon

import "testing"

func TestParseMapping(t *testing.T) {
	for _, tc := range []struct {
		line     string
		ok       bool
		from, to uintptr
		path     string
		writable bool
	}{
		{"00403000-014bc000 r-xp 00003000 fe:00 10035200                           /usr/bin/aictl", true, 0x403000, 0x14bc000, "/usr/bin/aictl", false},
		{"0250e000-025c3000 rw-p 0210d000 fe:00 10035200                           /usr/bin/aictl", true, 0x250e000, 0x25c3000, "/usr/bin/aictl", true},
		{"7f51e818b000-7f51e832b000 rw-p 00000000 00:00 0 ", false, 0, 0, "", false},
		{"Rss:                6644 kB", false, 0, 0, "", false},
		{"VmFlags: rd ex mr mw me sd", false, 0, 0, "", false},
		{"", false, 0, 0, "", false},
	} {
		m, ok := parseMapping(tc.line)
		if ok != tc.ok || ok && (m.from != tc.from || m.to != tc.to || m.path != tc.path || m.writable != tc.writable) {
			t.Errorf("%q: %+v, %v", tc.line, m, ok)
		}
	}
	var m mapping
	m.note("Anonymous:             0 kB")
	if m.changed {
		t.Error("no anonymous page, and it counts as changed")
	}
	m.note("Anonymous:           132 kB")
	if !m.changed {
		t.Error("anonymous pages would be lost")
	}
}

// TestUnmapProgram goes on running afterwards: that is the test.
func TestUnmapProgram(t *testing.T) {
	for range 3 {
		if err := unmapProgram(); err != nil {
			t.Fatal(err)
		}
	}
}
