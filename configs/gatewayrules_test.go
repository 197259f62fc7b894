package configs

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestParseRate(t *testing.T) {
	for text, want := range map[string]Rate{
		"100/s":    {Requests: 100, Per: Duration(time.Second)},
		" 10/30s ": {Requests: 10, Per: Duration(30 * time.Second)},
		"5000/1h":  {Requests: 5000, Per: Duration(time.Hour)},
		"1/d":      {Requests: 1, Per: Duration(24 * time.Hour)},
		"3/500ms":  {Requests: 3, Per: Duration(500 * time.Millisecond)},
	} {
		if got, err := ParseRate(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "100", "/s", "0/s", "-1/s", "1.5/s", "100/", "100/0s", "100/-1s", "100/x", "99999999/s", "1/1us", "1/400d", "1/s/s"} {
		if got, err := ParseRate(text); err == nil || !strings.Contains(err.Error(), "100/s") {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func TestRateDefaults(t *testing.T) {
	r := Rate{Requests: 5, By: "header:X-Tenant"}
	if f := r.Filled(); f.Burst != 5 || f.Per != Duration(time.Second) || f.Header() != "X-Tenant" {
		t.Errorf("%+v", f)
	}
	if (Rate{}).Given() || (Rate{}).String() != "" || (Rate{Requests: 1}).Filled().By != RateByClient {
		t.Error("the zero rate is one")
	}
}

// What ParseRate takes, it takes again as it is written.
func FuzzParseRate(f *testing.F) {
	for _, s := range []string{"100/s", "10/30s", "1/1h30m", "5/7d", "x", "1/", "1/1", "9999999/366d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRate(text)
		if err != nil {
			return
		}
		if r.Requests < 1 || r.Per <= 0 {
			t.Fatalf("%q: %+v", text, r)
		}
		if again, err := ParseRate(r.String()); err != nil || again != r {
			t.Errorf("%q is %q, which is %+v, %v", text, r.String(), again, err)
		}
		var c checker
		if r.check(&c); len(c.faults) > 0 {
			t.Errorf("%q: %v", text, c.faults)
		}
	})
}

// An origin that is taken is nothing but a scheme and a host.
func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"*", "https://a.b", "https://*.a.b:8443", "http://localhost:3000", "http://[::1]:80", "https://a/", "a.b", "https://*", "https://*.", "null", "://", "https://a b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, o string) {
		if originFault(o) != "" || o == "*" {
			return
		}
		u, err := url.Parse(strings.Replace(o, "*.", "x.", 1))
		if err != nil || u.Scheme == "" || u.Host == "" || u.Path+u.RawQuery+u.Fragment != "" || u.User != nil || strings.Contains(u.Host, "*") {
			t.Errorf("%q is taken: %+v, %v", o, u, err)
		}
	})
}
