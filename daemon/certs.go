package daemon

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"aictl/configs"
)

// certificate is what a listener proves its name with. It follows its files; nil is plain HTTP.
type certificate struct {
	files   configs.TLSSettings
	log     *slog.Logger
	current atomic.Pointer[tls.Certificate] // nil while the files have not been good yet
}

// newCertificate reads the files. When they are bad, the listener waits for better ones; the rest of the daemon need not.
func newCertificate(files configs.TLSSettings, log *slog.Logger) *certificate {
	if !files.On() {
		return nil
	}
	c := &certificate{files: files, log: log}
	c.load()
	return c
}

// CheckCertificates says what is wrong with the certificates that the settings name.
func CheckCertificates(s configs.Settings) error {
	var errs []error
	for _, l := range []struct {
		key   string
		files configs.TLSSettings
	}{{"tls", s.TLS}, {"gateway_tls", s.GatewayTLS}} {
		if !l.files.On() {
			continue
		}
		if _, err := readCertificate(l.files, time.Now()); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", l.key, err))
		}
	}
	return errors.Join(errs...)
}

// readCertificate reads a pair of files that can be used now.
func readCertificate(files configs.TLSSettings, now time.Time) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w: give a certificate and its own private key, both in PEM and readable for this user", files.Cert, files.Key, err)
	}
	if pair.Leaf == nil {
		if pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0]); err != nil {
			return nil, fmt.Errorf("certificate %s: %w", files.Cert, err)
		}
	}
	if now.After(pair.Leaf.NotAfter) {
		return nil, fmt.Errorf("certificate %s has expired at %s: renew it", files.Cert, pair.Leaf.NotAfter.Format(time.DateTime))
	}
	return &pair, nil
}

// load takes the files' certificate into use, or keeps the old one.
func (c *certificate) load() {
	pair, err := readCertificate(c.files, time.Now())
	if err != nil {
		c.log.Error("certificate refused", "cert", c.files.Cert, "old_kept", c.current.Load() != nil, "err", err)
		return
	}
	c.current.Store(pair)
	c.log.Info("certificate in use", "cert", c.files.Cert, "subject", pair.Leaf.Subject.String(), "until", pair.Leaf.NotAfter)
}

// watch follows the files until ctx ends.
func (c *certificate) watch(ctx context.Context) error {
	if c == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	key := make(chan error, 1)
	go func() { key <- configs.WatchFile(ctx, c.files.Key, c.load) }()
	err := configs.WatchFile(ctx, c.files.Cert, c.load)
	return errors.Join(err, <-key)
}

var errNoCertificate = errors.New("no certificate: the daemon's log says what is wrong with its files")

// listen makes ln speak TLS.
func (c *certificate) listen(ln net.Listener) net.Listener {
	if c == nil {
		return ln
	}
	return tls.NewListener(ln, &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			if pair := c.current.Load(); pair != nil {
				return pair, nil
			}
			return nil, errNoCertificate
		},
	})
}
