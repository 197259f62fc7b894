package api

import (
	"net/http"
	"strings"
	"testing"
)

// FuzzCanaryHeader: what is taken can be a header, and is the one that was written.
func FuzzCanaryHeader(f *testing.F) {
	for _, seed := range []string{"", "X-Canary: 1", "x:y", ": 1", "X-Canary", "a b: c", "X: a\r\nY: b", "X: \u00e4", "X-A::"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, value, fault := splitHeader(text)
		switch {
		case fault != "":
			if name != "" || value != "" {
				t.Errorf("%q: %s, but %q %q", text, fault, name, value)
			}
		case text == "":
		case name != http.CanonicalHeaderKey(name) || strings.ContainsAny(name+value, "\r\n\x00") || value == "" || !strings.Contains(text, value):
			t.Errorf("%q is %q with %q", text, name, value)
		}
	})
}
