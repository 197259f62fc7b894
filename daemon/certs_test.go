package daemon

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"aictl/configs"
	"aictl/internal/servers"
)

// writeCert writes NAME.pem and NAME.key into dir and returns the certificate.
func writeCert(t *testing.T, files configs.TLSSettings, name string, until time.Time) *x509.Certificate {
	t.Helper()
	c, err := servers.NewCertificate(time.Now().Add(-time.Hour), until, name, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	for file, data := range map[string][]byte{files.Cert: c.PEM, files.Key: c.Key} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c.Certificate
}

func certFiles(t *testing.T) configs.TLSSettings {
	dir := t.TempDir()
	return configs.TLSSettings{Cert: filepath.Join(dir, "c.pem"), Key: filepath.Join(dir, "c.key")}
}

func TestCheckCertificates(t *testing.T) {
	good, expired, mixed, missing := certFiles(t), certFiles(t), certFiles(t), certFiles(t)
	writeCert(t, good, "good", time.Now().Add(time.Hour))
	writeCert(t, expired, "expired", time.Now().Add(-time.Minute))
	writeCert(t, mixed, "mixed", time.Now().Add(time.Hour))
	mixed.Key = good.Key
	for name, tc := range map[string]struct {
		files configs.TLSSettings
		bad   bool
	}{"good": {good, false}, "none": {configs.TLSSettings{}, false}, "expired": {expired, true}, "mixed": {mixed, true}, "missing": {missing, true}} {
		err := CheckCertificates(configs.Settings{TLS: tc.files})
		if (err != nil) != tc.bad {
			t.Errorf("%s: %v", name, err)
		}
		if both := CheckCertificates(configs.Settings{TLS: good, GatewayTLS: tc.files}); (both != nil) != tc.bad {
			t.Errorf("%s for the gateway: %v", name, both)
		}
	}
}

// A listener follows its files: connections that are open stay, bad files change nothing.
func TestCertificateIsReloaded(t *testing.T) {
	files := certFiles(t)
	first := writeCert(t, files, "first", time.Now().Add(time.Hour))
	c := newCertificate(files, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	watched := make(chan error, 1)
	go func() { watched <- c.watch(ctx) }()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, r.Proto)
	})}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(c.listen(ln)) }()
	defer func() {
		stop()
		if err := <-watched; !errors.Is(err, context.Canceled) {
			t.Errorf("watch: %v", err)
		}
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		<-served
	}()
	pool := x509.NewCertPool()
	pool.AddCert(first)
	trust := &tls.Config{RootCAs: pool}
	kept, err := tls.Dial("tcp", ln.Addr().String(), trust)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	// name asks with a connection of its own.
	name := func() string {
		conn, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
		if err != nil {
			return err.Error()
		}
		state := conn.ConnectionState()
		if err := conn.Close(); err != nil || state.Version < tls.VersionTLS12 || state.NegotiatedProtocol != "h2" {
			t.Errorf("%+v, %v", state, err)
		}
		return state.PeerCertificates[0].Subject.CommonName
	}
	if got := name(); got != "first" {
		t.Fatalf("%s", got)
	}
	if err := os.WriteFile(files.Cert, []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.load()
	if got := name(); got != "first" {
		t.Errorf("with a bad file: %s", got)
	}
	writeCert(t, files, "second", time.Now().Add(time.Hour))
	deadline := time.Now().Add(30 * time.Second)
	for tick := time.NewTicker(20 * time.Millisecond); name() != "second"; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("after 30s still %s", name())
		}
	}
	if _, err := io.WriteString(kept, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := io.ReadAll(kept); err != nil || len(answer) == 0 {
		t.Errorf("the open connection: %q, %v", answer, err)
	}
	if _, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

// With files that have never been good, handshakes fail, and succeed once the files are.
func TestCertificateComesLate(t *testing.T) {
	files := certFiles(t)
	c := newCertificate(files, slog.New(slog.DiscardHandler))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	wrapped := c.listen(ln)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := wrapped.Accept()
			if err != nil {
				return
			}
			if hs, ok := conn.(*tls.Conn); ok && hs.HandshakeContext(t.Context()) == nil {
				io.WriteString(hs, "hello")
			}
			conn.Close()
		}
	}()
	ask := func() error {
		conn, err := tls.Dial("tcp", ln.Addr().String(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			return err
		}
		return conn.Close()
	}
	if err := ask(); err == nil {
		t.Error("a handshake without a certificate")
	}
	writeCert(t, files, "late", time.Now().Add(time.Hour))
	c.load()
	if err := ask(); err != nil {
		t.Error(err)
	}
	if err := wrapped.Close(); err != nil {
		t.Error(err)
	}
	<-done
}
