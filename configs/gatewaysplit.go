package configs

import (
	"fmt"
	"path"
	"strings"
)

// Where gateway.sticky finds a session: `header:NAME` or `cookie:NAME`.
const (
	StickyHeader = "header"
	StickyCookie = "cookie"
)

// Shadow names the service that gets copies of a service's requests, and how many of them: 0 percent stands for all.
type Shadow struct {
	Service string  `yaml:"service,omitempty" json:"service,omitempty"`
	Percent float64 `yaml:"percent,omitempty" json:"percent,omitempty"`
}

// Cache is how the gateway keeps the answers of a service that gives equal requests equal answers. Without TTL it keeps none.
type Cache struct {
	TTL       Duration `yaml:"ttl,omitempty" json:"ttl,omitempty"`
	MaxBytes  Size     `yaml:"max_bytes,omitempty" json:"max_bytes,omitempty"`   // of all answers; 0 is DefaultCacheBytes
	MaxAnswer Size     `yaml:"max_answer,omitempty" json:"max_answer,omitempty"` // of one answer's body; 0 is an eighth of MaxBytes, 1 MiB at most
	Methods   []string `yaml:"methods,omitempty" json:"methods,omitempty"`       // none: GET and POST
	Paths     []string `yaml:"paths,omitempty" json:"paths,omitempty"`           // globs; none: all
	Vary      []string `yaml:"vary,omitempty" json:"vary,omitempty"`             // headers of the request that the answer depends on
	// SingleFlight has equal requests that come at the same time wait for the answer to the first.
	SingleFlight bool `yaml:"single_flight,omitempty" json:"single_flight,omitempty"`
}

// DefaultCacheBytes is how much memory a service's answers take at most when the manifest does not say.
const DefaultCacheBytes Size = 64 << 20

const (
	maxCacheBytes   Size = 64 << 30
	maxCachedAnswer Size = 1 << 20
)

// Limits are the bytes of all answers and of one, with the defaults filled in.
func (c Cache) Limits() (all, one Size) {
	all, one = c.MaxBytes, c.MaxAnswer
	if all == 0 {
		all = DefaultCacheBytes
	}
	if one == 0 {
		one = min(all/8, maxCachedAnswer)
	}
	return all, one
}

// cacheable are the methods whose answers can be kept.
var cacheable = []string{"GET", "POST", "PUT", "QUERY"}

func (c Cache) check(k *checker) {
	k.notNegative("gateway.cache.ttl", c.TTL)
	if c.MaxBytes < 0 || c.MaxBytes > maxCacheBytes {
		k.fault("gateway.cache.max_bytes", "%s is not between 0 and %s", c.MaxBytes, maxCacheBytes)
	}
	if all, one := c.Limits(); c.MaxAnswer < 0 || one > all {
		k.fault("gateway.cache.max_answer", "%s is not between 0 and gateway.cache.max_bytes (%s)", one, all)
	}
	for i, m := range c.Methods {
		oneOf(k, fmt.Sprintf("gateway.cache.methods[%d]", i), m, cacheable...)
	}
	for i, p := range c.Paths {
		if _, err := path.Match(p, "/"); err != nil || !strings.HasPrefix(p, "/") {
			k.fault(fmt.Sprintf("gateway.cache.paths[%d]", i), "%q is not a path on the service, or its pattern is malformed (write /predict or /embed/*)", clip(p))
		}
	}
	for i, h := range c.Vary {
		if !tokenRE.MatchString(h) {
			k.fault(fmt.Sprintf("gateway.cache.vary[%d]", i), "%q cannot be a header's name", clip(h))
		}
	}
	if c.TTL == 0 && (c.MaxBytes != 0 || c.MaxAnswer != 0 || len(c.Methods)+len(c.Paths)+len(c.Vary) > 0 || c.SingleFlight) {
		k.fault("gateway.cache", "has no ttl: nothing would be kept (write ttl: 10m)")
	}
}

func (s Shadow) check(c *checker) {
	switch {
	case s.Service == "" && s.Percent != 0:
		c.fault("gateway.shadow", "has no service: name the one that gets the copies (write service: ocr-next)")
	case s.Service != "" && !ValidName(s.Service):
		c.fault("gateway.shadow.service", "%q cannot be a service's name: use a-z, 0-9 and -", clip(s.Service))
	}
	if s.Percent < 0 || s.Percent > 100 {
		c.fault("gateway.shadow.percent", "%v is not between 0 and 100", s.Percent)
	}
}

// checkRoutes checks what decides where a request goes. name is the service's own.
func (g Gateway) checkRoutes(c *checker, name string) {
	if kind, rest, _ := strings.Cut(g.Sticky, ":"); g.Sticky != "" && (kind != StickyHeader && kind != StickyCookie || !tokenRE.MatchString(rest)) {
		c.fault("gateway.sticky", "%q does not say where the session is (write header:NAME or cookie:NAME)", clip(g.Sticky))
	}
	g.Shadow.check(c)
	if g.Shadow.Service != "" && g.Shadow.Service == name {
		c.fault("gateway.shadow.service", "a service cannot be its own shadow: name another one, or use `aictl shadow %s --to RELEASE`", name)
	}
	g.Cache.check(c)
}
