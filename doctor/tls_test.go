package doctor

import (
	"testing"
	"testing/fstest"
	"time"

	"aictl/internal/servers"
)

// certificate puts /c.pem on a machine, which ends after a time.
func certificate(after time.Duration) func(*machine) {
	return func(m *machine) {
		c, err := servers.NewCertificate(m.now.AddDate(-1, 0, 0), m.now.Add(after), "127.0.0.1")
		if err != nil {
			panic(err)
		}
		m.files["c.pem"] = &fstest.MapFile{Data: c.PEM}
	}
}

func TestOpenWithGoodCertificates(t *testing.T) {
	m, o := sound(), options()
	certificate(90 * 24 * time.Hour)(m)
	o.Listen, o.GatewayListen, o.TLSCert, o.GatewayTLSCert = "0.0.0.0:7600", "[::]:443", "/c.pem", "/c.pem"
	if r := checkTLS(m, o); r.Verdict != OK {
		t.Errorf("%+v", r)
	}
	o.GatewayTLSCert = ""
	if r := checkTLS(m, o); r.Verdict != Warn {
		t.Errorf("with a gateway in the clear: %+v", r)
	}
}
