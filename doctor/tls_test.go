package doctor

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"testing"
	"testing/fstest"
	"time"
)

// certificate puts /c.pem on a machine, which ends after a time.
func certificate(after time.Duration) func(*machine) {
	return func(m *machine) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		cert := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: m.now.AddDate(-1, 0, 0), NotAfter: m.now.Add(after)}
		der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
		if err != nil {
			panic(err)
		}
		m.files["c.pem"] = &fstest.MapFile{Data: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
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
