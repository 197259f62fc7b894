package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

const (
	nameNginx        = "nginx"
	nameCaddy        = "Caddy"
	nameReverseProxy = "Go's ReverseProxy, pooled"
	nameMitmproxy    = "mitmproxy, recording"
	nameGoreplay     = "direct, goreplay recording beside it"
)

// proxies are the others' ways to the service: they proxy and record nothing, or record in their own way.
type proxies struct {
	dir, upstream string
	passages      []passage
	versions      map[string]string
	running       []*background
}

func startProxies(dir, upstream string) (*proxies, error) {
	p := &proxies{dir: dir, upstream: upstream, versions: map[string]string{}}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return p, err
	}
	for _, start := range []func() error{p.nginx, p.caddy, p.reverseProxy, p.mitmproxy, p.goreplay} {
		if err := start(); err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *proxies) stop() error {
	var errs []error
	for _, b := range p.running {
		errs = append(errs, b.stop())
	}
	return errors.Join(errs...)
}

// start runs a proxy that listens on the address and waits until it does.
func (p *proxies) start(name, address string, argv ...string) error {
	b, err := startBackground(filepath.Join(p.dir, argv[0]+".log"), []string{"HOME=" + p.dir, "XDG_DATA_HOME=" + p.dir, "XDG_CONFIG_HOME=" + p.dir}, argv...)
	if err != nil {
		return err
	}
	p.running = append(p.running, b)
	return poll(name+" answers", func() bool {
		c, err := net.Dial("tcp", address)
		return err == nil && c.Close() == nil
	})
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// nginx has connections kept, one worker per core and no access log.
func (p *proxies) nginx() error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	out, err := run("", nil, "nginx", "-v")
	if err != nil {
		return err
	}
	_, p.versions[nameNginx], _ = strings.Cut(strings.TrimSpace(out), "/")
	conf := fmt.Sprintf(`daemon off;
worker_processes auto;
pid %[1]s/pid;
error_log %[1]s/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  keepalive_requests 100000000;
  client_max_body_size 0;
  proxy_request_buffering off;
  upstream service { server %[2]s; keepalive 64; }
  server {
    listen %[3]s;
    location / { proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`, p.dir, p.upstream, address)
	file := filepath.Join(p.dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		return err
	}
	p.passages = append(p.passages, passage{Name: nameNginx, address: address, path: "/predict"})
	return p.start(nameNginx, address, "nginx", "-p", p.dir, "-c", file)
}

func (p *proxies) caddy() error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	if p.versions[nameCaddy], err = run("", nil, "caddy", "version"); err != nil {
		return err
	}
	p.versions[nameCaddy] = strings.Fields(p.versions[nameCaddy])[0]
	file := filepath.Join(p.dir, "Caddyfile")
	text := fmt.Sprintf("{\n\tadmin off\n\tauto_https off\n}\nhttp://%s {\n\treverse_proxy %s\n}\n", address, p.upstream)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	p.passages = append(p.passages, passage{Name: nameCaddy, address: address, path: "/predict"})
	return p.start(nameCaddy, address, "caddy", "run", "--config", file, "--adapter", "caddyfile")
}

// reverseProxy is this program, in a process of its own.
func (p *proxies) reverseProxy() error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p.versions[nameReverseProxy] = runtime.Version()
	link := filepath.Join(p.dir, "reverseproxy")
	if err := os.Symlink(self, link); err != nil {
		return err
	}
	b, err := startBackground(filepath.Join(p.dir, "reverseproxy.log"), nil, link, "-reverse-proxy", address+"="+p.upstream)
	if err != nil {
		return err
	}
	p.running = append(p.running, b)
	p.passages = append(p.passages, passage{Name: nameReverseProxy, address: address, path: "/predict"})
	return poll("the ReverseProxy answers", func() bool {
		c, err := net.Dial("tcp", address)
		return err == nil && c.Close() == nil
	})
}

// serveReverseProxy is a bare httputil.ReverseProxy with a pool of connections; what is "listen=upstream".
func serveReverseProxy(what string) error {
	address, upstream, _ := strings.Cut(what, "=")
	target := &url.URL{Scheme: "http", Host: upstream}
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport: &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256, DisableCompression: true},
	}
	return http.ListenAndServe(address, proxy)
}

// mitmproxy writes every flow into a file.
func (p *proxies) mitmproxy() error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	out, err := run("", nil, "mitmdump", "--version")
	if err != nil {
		return err
	}
	p.versions[nameMitmproxy] = strings.TrimPrefix(strings.SplitN(out, "\n", 2)[0], "Mitmproxy: ")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	file := filepath.Join(p.dir, "flows")
	p.passages = append(p.passages, passage{Name: nameMitmproxy, address: address, path: "/predict"})
	return p.start(nameMitmproxy, address, "mitmdump", "-q", "--mode", "reverse:http://"+p.upstream, "--listen-host", host, "-p", port, "-w", file, "--set", "confdir="+p.dir)
}

// goreplay listens beside the traffic and writes what it has seen into files. It needs root.
func (p *proxies) goreplay() error {
	program, err := exec.LookPath("goreplay")
	if err != nil {
		program = filepath.Join(goBin(), "goreplay")
		if _, err := os.Stat(program); err != nil {
			progress("gateway: goreplay is not there; it is left out (go install github.com/buger/goreplay@v1.3.2, with libpcap-dev)")
			return nil
		}
	}
	p.versions[nameGoreplay] = "1.3.2"
	file := filepath.Join(p.dir, "goreplay")
	var b *background
	pass := passage{Name: nameGoreplay, address: p.upstream, path: "/predict"}
	pass.begin = func() (err error) {
		b, err = startBackground(filepath.Join(p.dir, "goreplay.log"), nil, program, "--input-raw", p.upstream, "--input-raw-track-response",
			"--output-file", file, "--output-file-append", "--output-file-size-limit", "4gb", "--output-file-max-size-limit", "8gb")
		if err != nil {
			return err
		}
		p.running = append(p.running, b)
		return poll("goreplay has opened its file or listens", func() bool { return listening(b.cmd.Process.Pid) })
	}
	pass.end = func(sent int) (float64, error) {
		if err := b.stop(); err != nil {
			return 0, err
		}
		n, err := countReplay(file)
		return float64(n) / float64(sent), errors.Join(err, os.RemoveAll(file))
	}
	p.passages = append(p.passages, pass)
	return nil
}

// listening reports whether a process has a packet socket.
func listening(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/packet", pid))
	return err == nil && bytes.Count(data, []byte{'\n'}) > 1
}

// countReplay counts requests that goreplay has written: their header begins with 1.
func countReplay(file string) (n int, err error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	n = bytes.Count(data, []byte("\n🐵🙈🙉\n1 "))
	if bytes.HasPrefix(data, []byte("1 ")) {
		n++
	}
	return n, err
}

func goBin() string {
	out, err := run("", nil, "go", "env", "GOPATH")
	if err != nil {
		return ""
	}
	return filepath.Join(strings.TrimSpace(out), "bin")
}
