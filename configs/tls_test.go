package configs

import (
	"strings"
	"testing"
)

func TestTLSSettings(t *testing.T) {
	for _, tc := range []struct {
		set  map[string]string
		want []string // parts of the faults
	}{
		{map[string]string{"tls.cert": "/a.pem", "tls.key": "/a.key"}, nil},
		{map[string]string{"gateway_tls.cert": "/a.pem", "gateway_tls.key": "/a.key"}, nil},
		{map[string]string{"tls.cert": "/a.pem"}, []string{"tls.key: is missing"}},
		{map[string]string{"gateway_tls.key": "/a.key"}, []string{"gateway_tls.cert: is missing"}},
		{map[string]string{"tls.cert": "a.pem", "tls.key": "/a.key"}, []string{`tls.cert: "a.pem" is not an absolute path`}},
	} {
		s, err := Load(Sources{Flags: tc.set})
		if (err == nil) != (len(tc.want) == 0) {
			t.Errorf("%v: %v", tc.set, err)
			continue
		}
		for _, part := range tc.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%v: %v, want %q", tc.set, err, part)
			}
		}
		if err == nil && s.TLS.On() == s.GatewayTLS.On() {
			t.Errorf("%v: %+v, %+v", tc.set, s.TLS, s.GatewayTLS)
		}
	}
}
