package gateway

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"aictl/configs"
)

// bypass is why a request that the cache covers is not looked up, or an answer not kept.
type bypass int

const (
	bypassNone         bypass = iota
	bypassBody                // the request's body is too long, or of no announced length
	bypassStream              // an upgrade, Expect, trailers
	bypassPart                // a range or a condition
	bypassCredentials         // Authorization or Cookie, which gateway.cache.vary does not name
	bypassRequest             // Cache-Control of the request
	bypassStatus              // not 200
	bypassAnswer              // Cache-Control of the answer
	bypassCookie              // the answer sets a cookie
	bypassVary                // the answer depends on a header that the key does not have
	bypassTooLong             // the answer
	bypassAnswerStream        // an event stream, or trailers
	bypassBroken              // the answer is not whole
	bypassMoved               // another release answered than the one that was asked
	bypasses
)

var bypassNames = [bypasses]string{"", "body_too_long", "stream", "range_or_condition", "credentials", "request_cache_control",
	"status", "answer_cache_control", "set_cookie", "vary", "answer_too_long", "answer_stream", "broken", "release_moved"}

// cacheRules are a service's gateway.cache, ready to be asked.
type cacheRules struct {
	ttl      time.Duration
	max, one int64 // bytes of all answers and of one body
	methods  []string
	paths    []string
	vary     []string // canonical names, sorted
	single   bool     // equal requests wait for each other
}

// alwaysVary are the headers that every key has: what the body is, and which form of the answer is wanted.
var alwaysVary = []string{"Accept", "Accept-Encoding", "Accept-Language", "Content-Encoding", "Content-Type"}

func rulesOf(c configs.Cache) cacheRules {
	all, one := c.Limits()
	r := cacheRules{ttl: time.Duration(c.TTL), max: int64(all), one: int64(one), methods: c.Methods, paths: c.Paths, single: c.SingleFlight}
	if len(r.methods) == 0 {
		r.methods = []string{http.MethodGet, http.MethodPost}
	}
	for _, name := range c.Vary {
		r.vary = append(r.vary, http.CanonicalHeaderKey(name))
	}
	r.vary = append(r.vary, alwaysVary...)
	slices.Sort(r.vary)
	r.vary = slices.Compact(r.vary)
	return r
}

// covers reports whether the cache is there for a request at all.
func (c *cacheRules) covers(method, asked string) bool {
	if !slices.Contains(c.methods, method) {
		return false
	}
	if len(c.paths) == 0 {
		return true
	}
	return slices.ContainsFunc(c.paths, func(glob string) bool {
		ok, err := path.Match(glob, asked)
		return err == nil && ok
	})
}

// ofRequest says why a request that is covered is not answered from the cache; fresh is set when its own answer may be kept nevertheless.
func (c *cacheRules) ofRequest(h http.Header) (why bypass, fresh bool) {
	for _, name := range []string{"Range", "If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since", "If-Range"} {
		if len(h[name]) > 0 {
			return bypassPart, false
		}
	}
	for _, name := range []string{"Authorization", "Cookie"} {
		if len(h[name]) > 0 && !slices.Contains(c.vary, name) {
			return bypassCredentials, false
		}
	}
	d := directives(h["Cache-Control"])
	switch age, limited := d.seconds("max-age"); {
	case d.has("no-store"):
		return bypassRequest, false
	case d.has("no-cache"), limited && age == 0, named(h["Pragma"], "no-cache"):
		return bypassRequest, true
	}
	return bypassNone, false
}

// ofAnswer says how long an answer may be kept, or why not.
func (c *cacheRules) ofAnswer(status int, h http.Header) (ttl time.Duration, why bypass) {
	d := directives(h["Cache-Control"])
	switch {
	case status != http.StatusOK:
		return 0, bypassStatus
	case d.has("no-store"), d.has("no-cache"), d.has("private"):
		return 0, bypassAnswer
	case len(h["Set-Cookie"]) > 0:
		return 0, bypassCookie
	case eventStream(h) || len(h["Trailer"]) > 0:
		return 0, bypassAnswerStream
	}
	for _, list := range h["Vary"] {
		for name := range strings.SplitSeq(list, ",") {
			if !slices.Contains(c.vary, http.CanonicalHeaderKey(strings.TrimSpace(name))) {
				return 0, bypassVary
			}
		}
	}
	ttl = c.ttl
	age, ok := d.seconds("s-maxage")
	if !ok {
		age, ok = d.seconds("max-age")
	}
	if ok {
		ttl = min(ttl, time.Duration(age)*time.Second)
	}
	if ttl <= 0 {
		return 0, bypassAnswer
	}
	return ttl, bypassNone
}

// directive is one of Cache-Control (RFC 9111, 5.2).
type directive struct{ name, value string }

type directiveList []directive

func directives(lists []string) (all directiveList) {
	for _, list := range lists {
		for text := range strings.SplitSeq(list, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(text), "=")
			all = append(all, directive{strings.ToLower(strings.TrimSpace(name)), strings.Trim(strings.TrimSpace(value), `"`)})
		}
	}
	return all
}

func (d directiveList) has(name string) bool {
	return slices.ContainsFunc(d, func(x directive) bool { return x.name == name })
}

// seconds is a directive's number. One that is not understood counts as 0, as RFC 9111 advises.
func (d directiveList) seconds(name string) (n int64, ok bool) {
	for _, x := range d {
		if x.name == name {
			n, err := strconv.ParseInt(x.value, 10, 32)
			if err != nil || n < 0 {
				n = 0
			}
			return n, true
		}
	}
	return 0, false
}

// cacheKey is a digest of everything that an answer depends on.
type cacheKey [sha256.Size]byte

// key is the key of a request whose body has been read.
func (c *cacheRules) key(service, release, path string, r *http.Request, body []byte) (k cacheKey) {
	d := keyDigest{sha256.New()}
	for _, part := range []string{service, release, r.Method, path, r.URL.RawQuery} {
		d.add(part)
	}
	for _, name := range c.vary {
		values := r.Header[name]
		if name == "Host" {
			values = []string{r.Host}
		}
		d.number(len(values))
		for _, v := range values {
			d.add(v)
		}
	}
	d.number(len(body))
	d.Write(body)
	d.Sum(k[:0])
	return k
}

// keyDigest takes parts with their lengths, so that no two lists of parts read alike.
type keyDigest struct{ hash.Hash }

func (d keyDigest) number(n int) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	d.Write(b[:])
}

func (d keyDigest) add(s string) {
	d.number(len(s))
	d.Write([]byte(s))
}
