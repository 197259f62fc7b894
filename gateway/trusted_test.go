package gateway

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestBelieve(t *testing.T) {
	fronts := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8")}
	for name, c := range map[string]struct {
		peer   string
		header http.Header
		tls    bool
		remote string
		secure bool
	}{
		"nobody in front":  {"192.0.2.1:5", http.Header{"X-Forwarded-For": {"203.0.113.9"}, "X-Forwarded-Proto": {"https"}}, false, "192.0.2.1:5", false},
		"own TLS":          {"192.0.2.1:5", nil, true, "192.0.2.1:5", true},
		"a front":          {"127.0.0.1:5", http.Header{"X-Forwarded-For": {"203.0.113.9"}, "X-Forwarded-Proto": {"https"}}, false, "203.0.113.9:0", true},
		"a forged start":   {"127.0.0.1:5", http.Header{"X-Forwarded-For": {"1.1.1.1, 203.0.113.9"}}, false, "203.0.113.9:0", false},
		"two fronts":       {"127.0.0.1:5", http.Header{"X-Forwarded-For": {"1.1.1.1,203.0.113.9 , 10.1.2.3"}}, false, "203.0.113.9:0", false},
		"two lists":        {"127.0.0.1:5", http.Header{"X-Forwarded-For": {"203.0.113.9", "10.1.2.3"}}, false, "203.0.113.9:0", false},
		"only fronts":      {"127.0.0.1:5", http.Header{"X-Forwarded-For": {"10.1.2.3"}}, false, "10.1.2.3:0", false},
		"none":             {"127.0.0.1:5", nil, false, "127.0.0.1:5", false},
		"nonsense":         {"127.0.0.1:5", http.Header{"X-Forwarded-For": {"unknown"}}, false, "127.0.0.1:5", false},
		"nonsense before":  {"127.0.0.1:5", http.Header{"X-Forwarded-For": {"x, 10.1.2.3"}}, false, "10.1.2.3:0", false},
		"IPv6":             {"[fd00::1]:5", http.Header{"X-Forwarded-For": {"2001:db8::7"}}, false, "[2001:db8::7]:0", false},
		"mapped":           {"[::ffff:127.0.0.1]:5", http.Header{"X-Forwarded-For": {"::ffff:203.0.113.9"}}, false, "203.0.113.9:0", false},
		"plain to a front": {"127.0.0.1:5", http.Header{"X-Forwarded-Proto": {"http"}}, true, "127.0.0.1:5", false},
	} {
		g := &Gateway{}
		g.Trust(fronts)
		r := httptest.NewRequest("GET", "/ai/x/", nil)
		r.RemoteAddr, r.Header = c.peer, c.header
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		if secure := g.believe(r); secure != c.secure || r.RemoteAddr != c.remote {
			t.Errorf("%s: %s, %t, want %s, %t", name, r.RemoteAddr, secure, c.remote, c.secure)
		}
		g.Trust(nil)
		r.RemoteAddr = c.peer
		if secure := g.believe(r); r.RemoteAddr != c.peer || secure != c.tls {
			t.Errorf("%s: believed although nobody is trusted", name)
		}
	}
}

func FuzzForwardedFor(f *testing.F) {
	f.Add("1.1.1.1, 10.0.0.1")
	f.Add(",,, ::1%eth0")
	fronts := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, list string) {
		if client, ok := forwardedFor(fronts, []string{list}); ok && !client.IsValid() {
			t.Errorf("%q gave %v", list, client)
		}
	})
}
