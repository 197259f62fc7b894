package front

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"aictl/internal/servers"
)

func TestBadSites(t *testing.T) {
	good := Site{Gateway: "127.0.0.1:7680"}
	for name, change := range map[string]func(*Site){
		"gateway":   func(s *Site) { s.Gateway = "127.0.0.1" },
		"port":      func(s *Site) { s.Gateway = "127.0.0.1:99999" },
		"injection": func(s *Site) { s.Gateway = "a;b:1" },
		"listen":    func(s *Site) { s.Listen = "x y:80" },
		"name":      func(s *Site) { s.Names = []string{"ai.example.com; return 200"} },
		"twice":     func(s *Site) { s.Names, s.Hosts = []string{"a.b"}, []Host{{"a.b", "ocr"}} },
		"service":   func(s *Site) { s.Hosts = []Host{{"a.b", "o cr"}} },
		"half":      func(s *Site) { s.Cert = "/c.pem" },
		"path":      func(s *Site) { s.Cert, s.Key = "/a b", "/k" },
		"dots":      func(s *Site) { s.Cert, s.Key = "/a/../b", "/k" },
		"relative":  func(s *Site) { s.Cert, s.Key = "a", "/k" },
	} {
		s := good
		change(&s)
		for server, render := range map[string]func(Site) ([]byte, error){"nginx": Nginx, "caddy": Caddy} {
			if text, err := render(s); err == nil {
				t.Errorf("%s: %s took it:\n%s", name, server, text)
			}
		}
	}
}

// kinds are the real servers, with how a rendered file is checked and run.
var kinds = []struct {
	name, pkg string
	render    func(Site) ([]byte, error)
	argv      func(dir, file string) []string
}{
	{"nginx", "nginx-light", Nginx, func(dir, file string) []string {
		main := filepath.Join(dir, "nginx.conf")
		text := fmt.Sprintf("daemon off; pid %s/pid; error_log %s/error.log; worker_processes 1; events {}\nhttp { access_log off;"+
			" client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s; include %[3]s; }", dir, dir, file)
		if err := os.WriteFile(main, []byte(text), 0o600); err != nil {
			panic(err)
		}
		return []string{"-c", main, "-e", filepath.Join(dir, "error.log")}
	}},
	{"caddy", "caddy", Caddy, func(dir, file string) []string {
		text, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(file, append([]byte("{\n\tadmin off\n\tauto_https disable_redirects\n\tstorage file_system "+dir+"\n}\n"), text...), 0o600)
		}
		if err != nil {
			panic(err)
		}
		return []string{"run", "--config", file, "--adapter", "caddyfile"}
	}},
}

// certificate writes a self-signed one for the names.
func certificate(t *testing.T, dir string, names ...string) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	c, err := servers.NewCertificate(time.Now().Add(-time.Hour), time.Now().Add(time.Hour), names...)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
	for file, data := range map[string][]byte{cert: c.PEM, key: c.Key} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AddCert(c.Certificate)
	return cert, key, pool
}

// gatewayDouble tells what reached it, streams on /ai/x/stream, and switches protocols on /ai/x/ws.
func gatewayDouble(t *testing.T) (addr string, next chan struct{}) {
	next = make(chan struct{})
	double := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ai/x/stream":
			w.Header().Set("Content-Type", "text/event-stream")
			for i := range 3 {
				fmt.Fprintf(w, "data: %d\n\n", i)
				http.NewResponseController(w).Flush()
				select {
				case <-next:
				case <-r.Context().Done():
					return
				}
			}
		case "/ai/x/ws":
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", r.Header.Get("Upgrade"))
			rw.Flush()
			line, _ := rw.ReadString('\n')
			fmt.Fprintf(rw, "back: %s", line)
			rw.Flush()
		default:
			n, _ := io.Copy(io.Discard, r.Body)
			fmt.Fprintf(w, "%s %s host=%s for=%s proto=%s bytes=%d", r.Method, r.RequestURI, r.Host, r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Forwarded-Proto"), n)
		}
	}))
	t.Cleanup(double.Close)
	return strings.TrimPrefix(double.URL, "http://"), next
}

func TestRealServers(t *testing.T) {
	for _, s := range kinds {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			bin := servers.Program(t, s.name, s.pkg)
			dir := t.TempDir()
			gateway, next := gatewayDouble(t)
			cert, key, pool := certificate(t, dir, "ai.example.com", "ocr.example.com")
			port := servers.FreePort(t)
			text, err := s.render(Site{Gateway: gateway, Listen: "127.0.0.1:" + port, Names: []string{"ai.example.com"}, Cert: cert, Key: key, Hosts: []Host{{"ocr.example.com", "ocr"}}})
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "site.conf")
			if err := os.WriteFile(file, text, 0o600); err != nil {
				t.Fatal(err)
			}
			run(t, bin, dir, s.argv(dir, file))
			to := &net.Dialer{}
			client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
				DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
					return to.DialContext(ctx, "tcp", "127.0.0.1:"+port)
				},
				TLSClientConfig: &tls.Config{RootCAs: pool}, DisableCompression: true,
			}}
			defer client.CloseIdleConnections()
			awaitServer(t, client, dir)
			checkPaths(t, client)
			checkStream(t, client, next)
			checkUpgrade(t, pool, port)
		})
	}
}

func run(t *testing.T, bin, dir string, argv []string) {
	t.Helper()
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(bin, argv...)
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, dir
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL); err != nil {
			t.Errorf("stop the server: %v", err)
		}
		if err := cmd.Wait(); err == nil {
			t.Error("a killed server ended well")
		}
	})
}

func awaitServer(t *testing.T, client *http.Client, dir string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		res, err := client.Get("https://ai.example.com/ai/x/ready")
		if err == nil {
			res.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(filepath.Join(dir, "out"))
			log, _ := os.ReadFile(filepath.Join(dir, "error.log"))
			t.Fatalf("the server does not answer: %v\n%s%s", err, said, log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// checkPaths wants every byte of a path to arrive as it was sent, and uploads of any size.
func checkPaths(t *testing.T, client *http.Client) {
	t.Helper()
	for sent, want := range map[string]string{
		"https://ai.example.com/ai/x/a%2Fb%20c?q=1&r=%zz": "POST /ai/x/a%2Fb%20c?q=1&r=%zz host=ai.example.com for=127.0.0.1 proto=https bytes=3000000",
		"https://ocr.example.com/predict?q=a%20b":         "POST /ai/ocr/predict?q=a%20b host=ocr.example.com for=127.0.0.1 proto=https bytes=3000000",
		"https://ocr.example.com/a%2Fb":                   "POST /ai/ocr/a%2Fb host=ocr.example.com for=127.0.0.1 proto=https bytes=3000000",
		"https://ocr.example.com/":                        "POST /ai/ocr/ host=ocr.example.com for=127.0.0.1 proto=https bytes=3000000",
	} {
		res, err := client.Post(sent, "application/octet-stream", bytes.NewReader(make([]byte, 3_000_000)))
		if err != nil {
			t.Errorf("%s: %v", sent, err)
			continue
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || string(body) != want {
			t.Errorf("%s arrived as\n%s\nwant\n%s (%v)", sent, body, want, err)
		}
	}
	res, err := client.Get("https://ai.example.com/api/v1/services")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("what is not below /ai/ answers %d", res.StatusCode)
	}
}

// checkStream lets each event leave only when the one before has arrived.
func checkStream(t *testing.T, client *http.Client, next chan struct{}) {
	t.Helper()
	res, err := client.Get("https://ai.example.com/ai/x/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	for i := range 3 {
		line, err := lines.ReadString('\n')
		if err != nil || line != fmt.Sprintf("data: %d\n", i) {
			t.Fatalf("event %d: %q, %v", i, line, err)
		}
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		next <- struct{}{}
	}
}

func checkUpgrade(t *testing.T, pool *x509.CertPool, port string) {
	t.Helper()
	conn, err := tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{RootCAs: pool, ServerName: "ai.example.com", NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "GET /ai/x/ws HTTP/1.1\r\nHost: ai.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v, %v", res, err)
	}
	fmt.Fprintf(conn, "hello\n")
	if line, err := in.ReadString('\n'); err != nil || line != "back: hello\n" {
		t.Errorf("through the tunnel: %q, %v", line, err)
	}
}
