package configs

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
)

// RecordSettings say where records go besides the server's own store.
type RecordSettings struct {
	Sinks []Sink `yaml:"sinks" help:"databases and queues that get every record: postgres, mysql or kafka"`
}

// Sink is a database or queue that gets records. The zero values of all but URL mean the defaults.
type Sink struct {
	Name         string   `yaml:"name,omitempty" json:"name,omitempty"` // the URL's host and path when left out; the place is kept under it
	URL          string   `yaml:"url" json:"url"`
	PasswordFile string   `yaml:"password_file,omitempty" json:"password_file,omitempty"` // instead of a password in the URL
	Services     []string `yaml:"services,omitempty" json:"services,omitempty"`           // names or globs; all without any
	Bodies       string   `yaml:"bodies,omitempty" json:"bodies,omitempty"`               // full (default), reference or none
	MaxBody      Size     `yaml:"max_body,omitempty" json:"max_body,omitempty"`           // a longer body goes by reference; default 64KiB
	From         string   `yaml:"from,omitempty" json:"from,omitempty"`                   // beginning (default) or now: where a new sink starts
	Batch        int      `yaml:"batch,omitempty" json:"batch,omitempty"`                 // records in one write; default 500
}

const (
	maxSinks     = 20
	maxSinkBatch = 10_000
)

// sinkSchemes are the kinds of sinks.
var sinkSchemes = []string{"postgres", "postgresql", "mysql", "mariadb", "kafka", "kafkas"}

// Filled is the sink with its defaults.
func (s Sink) Filled() Sink {
	if s.Name == "" {
		s.Name = s.place()
	}
	if s.Bodies == "" {
		s.Bodies = "full"
	}
	if s.MaxBody == 0 {
		s.MaxBody = 64 << 10
	}
	if s.From == "" {
		s.From = "beginning"
	}
	if s.Batch == 0 {
		s.Batch = 500
	}
	return s
}

// place is the URL's host and path.
func (s Sink) place() string {
	u, err := url.Parse(s.URL)
	if err != nil {
		return ""
	}
	return strings.Trim(u.Host+u.Path, "/")
}

// Shown is the sink's URL without what is secret in it: the password and the parameters.
func (s Sink) Shown() string {
	u, err := url.Parse(s.URL)
	if err != nil {
		return "a URL that cannot be read"
	}
	u.RawQuery, u.Fragment = "", ""
	return hidePassword(u.String())
}

func (r RecordSettings) check(c *checker) {
	if len(r.Sinks) > maxSinks {
		c.fault("records.sinks", "%d sinks are more than the %d there may be", len(r.Sinks), maxSinks)
	}
	names := map[string]bool{}
	for i, s := range r.Sinks {
		at := fmt.Sprintf("records.sinks[%d]", i)
		s.check(c, at)
		if name := s.Filled().Name; names[name] {
			c.fault(at+".name", "%q is the name of two sinks: give this one another", clip(name))
		} else {
			names[name] = true
		}
	}
}

func (s Sink) check(c *checker, at string) {
	u, err := url.Parse(s.URL)
	switch {
	case err != nil || u.Host == "" || u.Path == "" || u.Path == "/":
		c.fault(at+".url", "is not the address of a sink (write postgres://user:password@host/database, mysql://… or kafka://host:9092/topic)")
	case !slices.Contains(sinkSchemes, u.Scheme):
		c.fault(at+".url", "%q is not a kind of sink (write postgres://, mysql:// or kafka://)", clip(u.Scheme))
	case s.PasswordFile != "" && u.User == nil:
		c.fault(at+".password_file", "the URL names no user that the password could be of")
	}
	if s.PasswordFile != "" && !path.IsAbs(s.PasswordFile) {
		c.fault(at+".password_file", "%q is not an absolute path", clip(s.PasswordFile))
	}
	c.patterns(at+".services", s.Services)
	f := s.Filled()
	oneOf(c, at+".bodies", f.Bodies, "full", "reference", "none")
	oneOf(c, at+".from", f.From, "beginning", "now")
	if f.MaxBody < 0 {
		c.fault(at+".max_body", "%s is negative", f.MaxBody)
	}
	c.between(at+".batch", f.Batch, 1, maxSinkBatch)
}

// shownSinks describes sinks without what may be a secret in them.
func shownSinks(list []Sink) string {
	texts := make([]string, len(list))
	for i, s := range list {
		texts[i] = s.Filled().Name + ": " + s.Shown()
		if len(s.Services) > 0 {
			texts[i] += " of " + strings.Join(s.Services, ", ")
		}
	}
	return strings.Join(texts, "; ")
}
