package configs

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Whom a rate is counted by; `header:NAME` is the fourth.
const (
	RateByClient  = "client"  // the client's address, or its network for IPv6
	RateByKey     = "key"     // the API key; the client where there is none
	RateByService = "service" // all requests together
	rateByHeader  = "header:"
)

// Whether a service asks for API keys; "" is no.
const (
	KeysRequired = "required"
	KeysOptional = "optional" // requests without one are let in
)

const maxRate = 10_000_000

// Rate is how many requests are let through in a time, and how many of them at once. The zero value is no limit.
type Rate struct {
	Requests int      `yaml:"requests,omitempty" json:"requests,omitempty"`
	Per      Duration `yaml:"per,omitempty" json:"per,omitempty"`     // 0 is a second
	Burst    int      `yaml:"burst,omitempty" json:"burst,omitempty"` // 0 is Requests
	By       string   `yaml:"by,omitempty" json:"by,omitempty"`       // "" is RateByClient
}

// Given reports whether there is a limit.
func (r Rate) Given() bool { return r.Requests > 0 }

// Filled returns r with its defaults.
func (r Rate) Filled() Rate {
	if r.Per == 0 {
		r.Per = Duration(time.Second)
	}
	if r.Burst == 0 {
		r.Burst = r.Requests
	}
	if r.By == "" {
		r.By = RateByClient
	}
	return r
}

// Header is the header that the rate is counted by, "" when it is not by one.
func (r Rate) Header() string {
	name, ok := strings.CutPrefix(r.By, rateByHeader)
	if !ok {
		return ""
	}
	return name
}

// String is the rate as ParseRate reads it, "" for none.
func (r Rate) String() string {
	if !r.Given() {
		return ""
	}
	return strconv.Itoa(r.Requests) + "/" + r.Filled().Per.String()
}

// ParseRate reads a rate from the command line: 100/s, 5000/1h, 10/30s.
func ParseRate(text string) (Rate, error) {
	bad := fmt.Errorf("%q is not a rate: write requests and a time, such as 100/s, 10/30s or 5000/1h", clip(text))
	count, per, ok := strings.Cut(strings.TrimSpace(text), "/")
	if !ok {
		return Rate{}, bad
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 || n > maxRate {
		return Rate{}, bad
	}
	if per == "s" || per == "m" || per == "h" || per == "d" {
		per = "1" + per
	}
	r := Rate{Requests: n}
	if err := r.Per.UnmarshalText([]byte(per)); err != nil || r.Per < Duration(time.Millisecond) || r.Per > Duration(366*24*time.Hour) {
		return Rate{}, bad
	}
	return r, nil
}

func (r Rate) check(c *checker) {
	if r == (Rate{}) {
		return
	}
	if r.Requests == 0 {
		c.fault("gateway.rate.requests", "says how many requests are let through per %s: it cannot be left out or 0", r.Filled().Per)
	}
	c.between("gateway.rate.requests", r.Requests, 0, maxRate)
	c.between("gateway.rate.burst", r.Burst, 0, maxRate)
	if per := r.Filled().Per; per < Duration(time.Millisecond) || per > Duration(366*24*time.Hour) {
		c.fault("gateway.rate.per", "%s is not between 1ms and 366d", per)
	}
	switch name := r.Header(); {
	case r.By == "" || r.By == RateByClient || r.By == RateByKey || r.By == RateByService:
	case name == "" || !tokenRE.MatchString(name):
		c.fault("gateway.rate.by", "%q is not known (write client, key, service or header:NAME)", clip(r.By))
	}
}

// CORS is which pages of other origins may call a service from a browser. Without Origins it is none of the gateway's business.
type CORS struct {
	Origins     []string `yaml:"origins,omitempty" json:"origins,omitempty"` // "https://app.example.com", "https://*.example.com" or "*"
	Methods     []string `yaml:"methods,omitempty" json:"methods,omitempty"` // none: those in common use
	Headers     []string `yaml:"headers,omitempty" json:"headers,omitempty"` // of requests; none: whatever a page asks for
	Expose      []string `yaml:"expose,omitempty" json:"expose,omitempty"`   // of answers, beside those of the gateway
	Credentials bool     `yaml:"credentials,omitempty" json:"credentials,omitempty"`
	MaxAge      Duration `yaml:"max_age,omitempty" json:"max_age,omitempty"` // how long a browser remembers; 0 is 10 minutes
}

// Given reports whether the gateway answers for origins.
func (r CORS) Given() bool { return len(r.Origins) > 0 }

func (r CORS) check(c *checker) {
	const at = "gateway.cors."
	if !r.Given() && (len(r.Methods)+len(r.Headers)+len(r.Expose) > 0 || r.Credentials || r.MaxAge != 0) {
		c.fault(at+"origins", "says which pages may call the service: it cannot be left out (write [\"https://app.example.com\"])")
	}
	for i, o := range r.Origins {
		if msg := originFault(o); msg != "" {
			c.fault(fmt.Sprintf("%sorigins[%d]", at, i), "%s", msg)
		}
	}
	if r.Credentials && slices.Contains(r.Origins, "*") {
		c.fault(at+"credentials", "cannot be true with the origin \"*\": any page could act as its visitor (name the origins)")
	}
	for _, list := range []struct {
		key   string
		names []string
	}{{"methods", r.Methods}, {"headers", r.Headers}, {"expose", r.Expose}} {
		for i, name := range list.names {
			if !tokenRE.MatchString(name) || name == "*" {
				c.fault(fmt.Sprintf("%s%s[%d]", at, list.key, i), "%q is not a name (write them one by one)", clip(name))
			}
		}
	}
	if r.MaxAge < 0 || r.MaxAge > Duration(24*time.Hour) {
		c.fault(at+"max_age", "%s is not between 0s and 1d, the most that browsers keep", r.MaxAge)
	}
}

// originFault says what is wrong with an origin, "" when nothing is.
func originFault(o string) string {
	if o == "*" {
		return ""
	}
	scheme, host, ok := strings.Cut(o, "://")
	u, err := url.Parse(scheme + "://" + strings.TrimPrefix(host, "*."))
	switch {
	case !ok || err != nil || scheme == "" || u.Host == "":
		return fmt.Sprintf("%q is not an origin (write https://app.example.com, https://*.example.com or *)", clip(o))
	case u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return fmt.Sprintf("%q has more than an origin has: write %s://%s", clip(o), u.Scheme, u.Host)
	case strings.Contains(u.Host, "*"):
		return fmt.Sprintf("%q has a * that does not stand for the first names of a host (write https://*.example.com)", clip(o))
	case strings.HasPrefix(host, "*.") && net.ParseIP(u.Hostname()) != nil:
		return fmt.Sprintf("%q puts a * before an address: name the addresses", clip(o))
	case strings.ToLower(o) != o:
		return fmt.Sprintf("%q never matches, because browsers write origins in small letters: write %s", clip(o), strings.ToLower(o))
	case u.Scheme == "https" && u.Port() == "443" || u.Scheme == "http" && u.Port() == "80":
		return fmt.Sprintf("%q never matches, because browsers leave the usual port out: write %s://%s", clip(o), u.Scheme, u.Hostname())
	}
	return ""
}
