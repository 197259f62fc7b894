package doctor

import (
	"crypto/x509"
	"encoding/pem"
	"net"
	"time"
)

// certSoon is how long before its end a certificate is worth a word.
const certSoon = 14 * 24 * time.Hour

// checkTLS looks at what passes over the network in the clear, and at the certificates that keep it from that.
func checkTLS(sys System, opts Options) Result {
	const check = "tls"
	secured := 0
	for _, l := range []struct{ what, addr, cert, key string }{
		{"API", opts.Listen, opts.TLSCert, "tls"}, {"gateway", opts.GatewayListen, opts.GatewayTLSCert, "gateway_tls"},
	} {
		if l.cert != "" {
			if r, good := checkCertificate(sys, check, l.cert); !good {
				return r
			}
			secured++
			continue
		}
		if host, _, err := net.SplitHostPort(l.addr); err == nil && !isLoopback(host) {
			return warn(check, say("the %s listens on %s, which other machines can reach, without TLS", l.what, l.addr),
				say("give it a certificate (%s.cert and %s.key in the settings), or keep it on 127.0.0.1 behind a TLS proxy", l.key, l.key))
		}
	}
	if secured > 0 {
		return ok(check, say("the certificates in use are good for more than two weeks"))
	}
	return ok(check, say("without TLS, and only reached from this machine"))
}

// checkCertificate looks at a certificate's end. good is false when there is something to tell.
func checkCertificate(sys System, check, path string) (r Result, good bool) {
	data, err := sys.ReadFile(path)
	if err != nil {
		return bad(check, say("the certificate %s cannot be read: %s", path, err), say("correct the path in the settings, or its permissions")), false
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return bad(check, say("the certificate %s is not in PEM", path), say("convert it: openssl x509 -inform der -in FILE -out %s", path)), false
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return bad(check, say("the certificate %s cannot be read: %s", path, err), say("put the certificate first in the file, before the intermediate ones")), false
	}
	now, _, err := sys.Clock()
	if err != nil {
		return Result{}, true // the check of the clock tells
	}
	switch left := cert.NotAfter.Sub(now); {
	case left <= 0:
		return bad(check, say("the certificate %s has expired on %s", path, cert.NotAfter.Format(time.DateOnly)), say("renew it: aictl takes the new file up by itself")), false
	case left < certSoon:
		return warn(check, say("the certificate %s ends on %s", path, cert.NotAfter.Format(time.DateOnly)), say("renew it: aictl takes the new file up by itself")), false
	}
	return Result{}, true
}
