// Package front writes the configuration of a web server that stands before the gateway: nginx or Caddy.
package front

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"text/template"
)

// Site is what the server in front is to serve.
type Site struct {
	Gateway string   // host:port of the gateway
	TLS     bool     // the gateway itself speaks TLS
	Listen  string   // host:port or :port; "" is :443 with a certificate and :80 without
	Names   []string // host names of the site; none means any
	Cert    string   // certificate file, with Key; "" is plain HTTP for nginx, and automatic HTTPS for Caddy when there are names
	Key     string
	Hosts   []Host // services with a host name of their own
}

// Host gives a service a host name: https://Name/predict is /ai/Service/predict.
type Host struct{ Name, Service string }

var (
	nameRE    = regexp.MustCompile(`^(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
	serviceRE = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
	fileRE    = regexp.MustCompile(`^/[A-Za-z0-9._/+@-]+$`)
)

// check refuses what would be something else in a configuration file, or nothing at all.
func (s Site) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if err := address(s.Gateway, true); err != nil {
		bad("the gateway's address %q: %w", s.Gateway, err)
	}
	if s.Listen != "" {
		if err := address(s.Listen, false); err != nil {
			bad("the address %q to listen on: %w", s.Listen, err)
		}
	}
	if (s.Cert == "") != (s.Key == "") {
		bad("a certificate and its key go together: give both files or none")
	}
	for _, file := range []string{s.Cert, s.Key} {
		if file != "" && (!fileRE.MatchString(file) || filepath.Clean(file) != file) {
			bad("%q is not an absolute path of letters, digits and ._/+@-", file)
		}
	}
	seen := map[string]bool{}
	one := func(name string) {
		if !nameRE.MatchString(name) || len(name) > 253 {
			bad("%q is not a host name (write ai.example.com)", name)
		}
		if seen[name] {
			bad("the host name %s is given twice", name)
		}
		seen[name] = true
	}
	for _, name := range s.Names {
		one(name)
	}
	for _, h := range s.Hosts {
		one(h.Name)
		if !serviceRE.MatchString(h.Service) {
			bad("%q cannot be a service's name", h.Service)
		}
	}
	return errors.Join(errs...)
}

func address(text string, whole bool) error {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return errors.New("write host:port")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return errors.New("its port is not a number from 1 to 65535")
	}
	if host == "" && !whole {
		return nil
	}
	if net.ParseIP(host) == nil && !nameRE.MatchString(host) {
		return errors.New("its host is neither an IP address nor a host name")
	}
	return nil
}

// withDefaults fills in where to listen.
func (s Site) withDefaults() Site {
	if s.Listen == "" {
		s.Listen = ":80"
		if s.Cert != "" {
			s.Listen = ":443"
		}
	}
	return s
}

// listenNginx is the address as nginx writes it.
func (s Site) listenNginx() string {
	if port, ok := strings.CutPrefix(s.Listen, ":"); ok {
		return port
	}
	return s.Listen
}

// Nginx is a file for /etc/nginx/conf.d: nginx 1.18 or newer.
func Nginx(s Site) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	s = s.withDefaults()
	scheme, listen := "http", s.listenNginx()
	if s.TLS {
		scheme = "https"
	}
	if s.Cert != "" {
		listen += " ssl http2"
	}
	return write(nginxTemplate, struct {
		Site
		Scheme, Address, ServerNames string
	}{s, scheme, listen, strings.Join(s.Names, " ")})
}

// Caddy is a Caddyfile, or a part of one: Caddy 2.
func Caddy(s Site) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	explicit := s.Listen != ""
	s = s.withDefaults()
	upstream := s.Gateway
	if s.TLS {
		upstream = "https://" + s.Gateway
	}
	_, port, err := net.SplitHostPort(s.Listen)
	if err != nil {
		return nil, err
	}
	return write(caddyTemplate, struct {
		Site
		Upstream, Bind string
		Sites          []string
		HostSites      []hostSite
	}{s, upstream, bind(s.Listen), sites(s, s.Names, port, explicit), hostSites(s, port, explicit)})
}

type hostSite struct {
	Host
	Site string
}

func hostSites(s Site, port string, explicit bool) (list []hostSite) {
	for _, h := range s.Hosts {
		list = append(list, hostSite{h, sites(s, []string{h.Name}, port, explicit)[0]})
	}
	return list
}

// sites are the addresses of a block. A bare name makes Caddy get a certificate for it; a port alone is plain HTTP.
func sites(s Site, names []string, port string, explicit bool) (list []string) {
	if len(names) == 0 {
		if s.Cert != "" {
			return []string{"https://:" + port}
		}
		return []string{"http://:" + port}
	}
	for _, name := range names {
		switch {
		case s.Cert != "":
			name = "https://" + name + ":" + port
		case explicit:
			name = "http://" + name + ":" + port
		}
		list = append(list, name)
	}
	return list
}

func bind(listen string) string {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return ""
	}
	return host
}

func write(t *template.Template, data any) ([]byte, error) {
	var b bytes.Buffer
	err := t.Execute(&b, data)
	return b.Bytes(), err
}
