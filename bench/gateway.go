package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	recorded   = "gate"     // a service whose exchanges are recorded
	unrecorded = "gate-off" // one whose are not
)

// passage is one way to a service and how fast it was.
type passage struct {
	Name    string    `json:"name"`
	Rate    []float64 `json:"requests_per_second"`
	P50     []float64 `json:"p50_seconds"`
	P99     []float64 `json:"p99_seconds"`
	address string
	path    string
}

// measureGateway sends the same requests to one service directly, through nginx and through aictl's gateway.
func measureGateway(a *aictl, p plan, b *beacon, runs int, length time.Duration) (passages []passage, err error) {
	progress("gateway: setting up")
	defer func() { err = errors.Join(err, a.stop()) }()
	if err := os.Mkdir(p.dir, 0o755); err != nil { // nginx's workers are another user's
		return nil, err
	}
	if err := a.setup(p); err != nil {
		return nil, err
	}
	if err := errors.Join(a.deploy(p, recorded, ""), a.deploy(p, unrecorded, "record: off\n")); err != nil {
		return nil, err
	}
	gateway, direct, err := a.places(recorded)
	if err != nil {
		return nil, err
	}
	n := &nginx{dir: filepath.Join(p.dir, "nginx"), upstream: direct}
	if err := n.start(); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, n.manager.stop()) }()
	u, err := url.Parse(gateway)
	if err != nil {
		return nil, err
	}
	passages = []passage{
		{Name: "direct", address: direct, path: "/predict"},
		{Name: "nginx", address: n.address, path: "/ai/gate/predict"},
		{Name: "aictl, recording off", address: u.Host, path: "/ai/" + unrecorded + "/predict"},
		{Name: "aictl, every pair recorded", address: u.Host, path: "/ai/" + recorded + "/predict"},
	}
	for range runs {
		for i := range passages {
			progress("gateway: %s", passages[i].Name)
			if err := passages[i].load(8, length); err != nil {
				return nil, fmt.Errorf("%s: %w", passages[i].Name, err)
			}
		}
	}
	return passages, nil
}

// load keeps so many connections busy, each with one request after the other.
func (p *passage) load(connections int, length time.Duration) error {
	var mu sync.Mutex
	var took []time.Duration
	var faults error
	var wg sync.WaitGroup
	end := time.Now().Add(length)
	for range connections {
		wg.Go(func() {
			mine, err := p.loop(end)
			mu.Lock()
			defer mu.Unlock()
			took, faults = append(took, mine...), errors.Join(faults, err)
		})
	}
	wg.Wait()
	if faults != nil {
		return faults
	}
	slices.Sort(took)
	p.Rate = append(p.Rate, float64(len(took))/length.Seconds())
	p.P50 = append(p.P50, took[len(took)/2].Seconds())
	p.P99 = append(p.P99, took[len(took)*99/100].Seconds())
	return nil
}

// loop asks on one connection until the end. It writes prepared bytes, so that little is measured of the asking.
func (p *passage) loop(end time.Time) ([]time.Duration, error) {
	c, err := net.Dial("tcp", p.address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	body := `{"input_data": ["` + strings.Repeat("x", 1024-20) + `"]}`
	request := []byte(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		p.path, len(body), body))
	r := bufio.NewReader(c)
	var took []time.Duration
	for began := time.Now(); began.Before(end); began = time.Now() {
		if _, err := c.Write(request); err != nil {
			return nil, err
		}
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			return nil, err
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			return nil, err
		}
		if response.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("answered %s", response.Status)
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

// nginx proxies to one upstream, with connections kept, one worker per core and an access log.
type nginx struct {
	dir, upstream, address string
	manager                *background
}

func (n *nginx) start() error {
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	n.address = l.Addr().String()
	if err := l.Close(); err != nil {
		return err
	}
	conf := fmt.Sprintf(`daemon off;
worker_processes auto;
pid %[1]s/pid;
error_log %[1]s/error.log;
events { worker_connections 1024; }
http {
  access_log %[1]s/access.log;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  keepalive_requests 100000000;
  upstream service { server %[2]s; keepalive 64; }
  server {
    listen %[3]s;
    location /ai/gate/ { proxy_pass http://service/; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`, n.dir, n.upstream, n.address)
	file := filepath.Join(n.dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		return err
	}
	if n.manager, err = startBackground(filepath.Join(n.dir, "log"), nil, "nginx", "-p", n.dir, "-c", file); err != nil {
		return err
	}
	return poll("nginx answers", func() bool {
		c, err := net.Dial("tcp", n.address)
		return err == nil && c.Close() == nil
	})
}

func nginxVersion() (string, error) {
	out, err := run("", nil, "nginx", "-v")
	_, v, _ := strings.Cut(strings.TrimSpace(out), "/")
	return v, err
}
