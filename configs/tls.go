package configs

import (
	"path/filepath"
)

// TLSSettings are the files of a listener's certificate, in PEM. Both or neither are given.
type TLSSettings struct {
	Cert string `yaml:"cert" takes:"restart" help:"certificate file, with the intermediate ones after it; empty for plain HTTP"`
	Key  string `yaml:"key" takes:"restart" help:"file with the certificate's private key"`
}

// On reports whether the listener speaks TLS.
func (t TLSSettings) On() bool { return t.Cert != "" || t.Key != "" }

func (t TLSSettings) check(c *checker, at string) {
	for _, f := range []struct{ key, path, other string }{{"cert", t.Cert, "key"}, {"key", t.Key, "cert"}} {
		switch {
		case f.path == "" && t.On():
			c.fault(at+"."+f.key, "is missing: %s.%s is given, and TLS needs both files", at, f.other)
		case f.path != "" && !filepath.IsAbs(f.path):
			c.fault(at+"."+f.key, "%q is not an absolute path", clip(f.path))
		}
	}
}
