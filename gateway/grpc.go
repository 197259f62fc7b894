package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"aictl/configs"
)

// HeaderService names a service in a request over HTTP/2 whose path does not: calls of gRPC services that no manifest names, such as health
// checks and reflection.
const HeaderService = "X-Aictl-Service"

// protocols are those a client may use: HTTP/2 without TLS only when it knows beforehand, never by an upgrade.
func protocols() *http.Protocols {
	var p http.Protocols
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true)
	return &p
}

// address is the service that a request is for, and the path it is to see. gRPC clients cannot put /ai/<service> before their paths.
func (g *Gateway) address(r *http.Request) (service, path string, ok bool) {
	if service, path, ok = splitPath(r); ok || r.ProtoMajor != 2 {
		return service, path, ok
	}
	path = rawPath(r)
	if strings.HasPrefix(path, prefix) || !strings.HasPrefix(path, "/") {
		return "", "", false
	}
	if named := r.Header[HeaderService]; len(named) == 1 {
		return named[0], path, true
	}
	name, _, _ := strings.Cut(path[1:], "/")
	if plain, err := url.PathUnescape(name); err == nil {
		name = plain
	}
	service, ok = g.table.calls.find(name)
	return service, path, ok
}

// prefixed reports whether the request's path began with /ai/<service>.
func (x *exchange) prefixed() bool { return strings.HasPrefix(rawPath(x.r), prefix) }

// wellFormed reports whether the request has a method that can stand in a request line: what comes over HTTP/2 was never in one.
func wellFormed(r *http.Request) bool {
	return r.ProtoMajor < 2 || r.Method != "" && !strings.ContainsFunc(r.Method, func(c rune) bool {
		return c <= ' ' || c >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	})
}

// to is the transport to instances with some settings.
func (t *transports) to(settings configs.Gateway) http.RoundTripper {
	if settings.HTTP2() {
		return t.h2c
	}
	return t.Transport
}

// newH2C makes a transport that speaks HTTP/2 with instances, over one connection to each as long as its streams suffice.
func newH2C(o Options) *http.Transport {
	t := newTransport(o)
	t.Protocols = new(http.Protocols)
	t.Protocols.SetUnencryptedHTTP2(true)
	return t
}

// calls are the gRPC services that manifests name, and whose they are: the first who names one has it.
type calls struct {
	owners sync.Map // service by full name of a gRPC service
	mu     sync.Mutex
	wants  map[string][]string // full names by service; guarded by mu
}

func (c *calls) find(name string) (service string, ok bool) {
	if owner, ok := c.owners.Load(name); ok {
		return owner.(string), true
	}
	return "", false
}

// set gives a service those of names that no other has, and takes others away from it. The error tells which are another's.
func (c *calls) set(service string, names []string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Equal(c.wants[service], names) {
		return nil
	}
	for _, name := range c.wants[service] {
		if owner, _ := c.find(name); owner == service && !slices.Contains(names, name) {
			c.owners.Delete(name)
		}
	}
	if c.wants == nil {
		c.wants = map[string][]string{}
	}
	if c.wants[service] = names; len(names) == 0 {
		delete(c.wants, service)
	}
	c.settle()
	for _, name := range names {
		if owner, _ := c.find(name); owner != service {
			return fmt.Errorf("gRPC service %s is already served by %s: its calls stay there; take it out of gateway.grpc_services of one of the two", name, owner)
		}
	}
	return nil
}

// freeCalls takes everything from a service that is gone.
func (g *Gateway) freeCalls(service string) {
	if err := g.table.calls.set(service, nil); err != nil {
		g.opt.Logger.Debug("gRPC services not given up", "service", service, "error", err)
	}
}

// settle gives what nobody has to somebody who wants it. Callers hold c.mu.
func (c *calls) settle() {
	for service, names := range c.wants {
		for _, name := range names {
			c.owners.LoadOrStore(name, service)
		}
	}
}
