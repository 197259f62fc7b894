package recorder

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"aictl/configs"
	"aictl/store/records"
	"aictl/store/records/match"
)

// Masked replaces every value that is not to be stored.
const Masked = "[redacted]"

// secretHeaders carry credentials; their values are never stored.
var secretHeaders = []string{"Authorization", "Proxy-Authorization", "Cookie", "Set-Cookie", "X-Api-Key"}

// policy is a service's record settings, compiled. It is immutable.
type policy struct {
	off      bool
	audit    bool
	pressure string // configs.Record.Pressure
	key      []byte // of digests
	noBodies bool
	maxBody  int64      // bytes kept of a posted body; 0 is all (the gateway keeps its own count)
	headers  []string   // canonical names whose values are masked
	params   []string   // query parameters whose values are masked
	paths    []jsonPath // body values that are masked
	session  place
	model    place
	user     place
	index    []match.Path // what is found without reading bodies
}

// place is where something is said of an exchange: in a header, a cookie or the body.
type place struct {
	header, cookie string
	path           jsonPath
	response       bool // in the answer
}

var defaultPolicy = &policy{headers: secretHeaders}

// newPolicy compiles rec. With an error comes a policy that keeps no bodies and no queries.
//
// An entry of Redact is a JSON path (`$.user.phone`), `header:NAME`, `query:NAME`, or the bare name of a header.
func newPolicy(rec configs.Record) (*policy, error) {
	p := &policy{off: rec.Mode == "off", audit: rec.Mode == "audit", pressure: rec.Pressure, noBodies: rec.Bodies == "none", maxBody: int64(rec.MaxBody), headers: slices.Clone(secretHeaders)}
	var faults []error
	for _, entry := range rec.Redact {
		if err := p.hide(entry); err != nil {
			faults = append(faults, fmt.Errorf("redact %q: %w", entry, err))
		}
	}
	var err error
	if p.session, err = placeOf(rec.Session); err != nil {
		faults = append(faults, fmt.Errorf("session %q: %w", rec.Session, err))
	}
	if len(faults) > 0 {
		p.noBodies = true
		p.params = []string{"*"}
	}
	return p, errors.Join(append(faults, p.finding(rec))...)
}

func (p *policy) hide(entry string) error {
	if strings.HasPrefix(entry, "$") {
		path, err := parsePath(entry)
		if err != nil {
			return err
		}
		p.paths = append(p.paths, path)
		return nil
	}
	if name, ok := strings.CutPrefix(entry, "query:"); ok && name != "" {
		p.params = append(p.params, name)
		return nil
	}
	name := strings.TrimPrefix(entry, "header:")
	if !headerName(name) {
		return errors.New("is neither a JSON path ($.a.b), header:NAME nor query:NAME")
	}
	p.headers = append(p.headers, textproto.CanonicalMIMEHeaderKey(name))
	return nil
}

func placeOf(from string) (at place, err error) {
	from, at.response = strings.CutPrefix(from, "response.")
	kind, name, _ := strings.Cut(from, ":")
	switch {
	case from == "" && !at.response:
	case kind == "header" && headerName(name):
		at.header = textproto.CanonicalMIMEHeaderKey(name)
	case kind == "cookie" && headerName(name) && !at.response:
		at.cookie = name
	case kind == "json":
		at.path, err = parsePath(name)
	default:
		err = errors.New("is not header:NAME, cookie:NAME or json:$.path")
	}
	return at, err
}

func headerName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
}

// apply finds the session, then hides what must not reach the disk. When a body cannot be searched for what it must hide,
// it is taken away and the reason returned.
func (p *policy) apply(x *records.Exchange) error {
	p.attribute(x)
	x.Query = p.maskQuery(x.Query)
	x.Error = p.maskError(x.Error)
	p.maskHeaders(x.Request.Header)
	p.maskHeaders(x.Response.Header)
	p.maskHeaders(x.Request.Trailer)
	p.maskHeaders(x.Response.Trailer)
	var err error
	if len(p.paths) > 0 {
		err = errors.Join(p.maskBody(&x.Request, "request"), p.maskBody(&x.Response, "response"))
	}
	p.indexValues(x)
	return err
}

// sessionIn reads a session id that stands in the head of a request.
func (p *policy) sessionIn(h http.Header) string {
	if p.session.response || p.session.header == "" && p.session.cookie == "" {
		return ""
	}
	return p.said(p.session, &records.Exchange{Request: records.Message{Header: h}})
}

// said reads what an exchange says at a place. What stands in a masked header is a credential: its digest groups as well.
func (p *policy) said(s place, x *records.Exchange) string {
	m := &x.Request
	if s.response {
		m = &x.Response
	}
	switch {
	case s.header != "":
		v := m.Header.Get(s.header)
		if v != "" && slices.Contains(p.headers, s.header) {
			return p.digest(v)
		}
		return v
	case s.cookie != "":
		r := http.Request{Header: x.Request.Header}
		if c, err := r.Cookie(s.cookie); err == nil {
			return c.Value
		}
	case s.path != nil && !m.Truncated:
		v := firstScalar(m.Body, s.path)
		if v != "" && p.masks(m.Body, s.path, v) {
			return p.digest(v)
		}
		return v
	}
	return ""
}

// masks reports whether the value at a path is one that masking takes away, as it is or with what it stands in.
func (p *policy) masks(body []byte, path jsonPath, v string) bool {
	if len(p.paths) == 0 {
		return false
	}
	masked, err := p.maskJSON(body)
	return err != nil || masked != nil && firstScalar(masked, path) != v
}

// digest stands for a value that must not be stored, and is the same for the same value. With a key, who does not have it cannot
// find the value by trying all there are.
func (p *policy) digest(v string) string {
	if len(p.key) == 0 {
		sum := sha256.Sum256([]byte(v))
		return "sha256:" + hex.EncodeToString(sum[:8])
	}
	mac := hmac.New(sha256.New, p.key)
	mac.Write([]byte(v))
	return "hmac:" + hex.EncodeToString(mac.Sum(nil)[:8])
}

// maskHeaders masks in place: the recorder owns the exchange.
func (p *policy) maskHeaders(h http.Header) {
	p.maskAddresses(h)
	for _, name := range p.headers {
		if values := h[name]; len(values) > 0 {
			masked := make([]string, len(values))
			for i := range masked {
				masked[i] = Masked
			}
			h[name] = masked
		}
	}
}

// addressHeaders carry addresses, whose queries may be this or another request's.
var addressHeaders = []string{"Referer", "Location", "Content-Location"}

// maskAddresses masks the parameters of addresses in a header in place.
func (p *policy) maskAddresses(h http.Header) {
	if len(p.params) == 0 {
		return
	}
	for _, name := range addressHeaders {
		values := h[name]
		if !slices.ContainsFunc(values, func(v string) bool { return strings.Contains(v, "?") }) {
			continue
		}
		masked := make([]string, len(values))
		for i, v := range values {
			before, query, _ := strings.Cut(v, "?")
			query, fragment, _ := strings.Cut(query, "#")
			if masked[i] = before + "?" + p.maskQuery(query); fragment != "" {
				masked[i] += "#" + fragment
			}
		}
		h[name] = masked
	}
}

// quoted is a piece of an answer within the text of an error.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"?`)

// maskError takes the quotations out of an error's text when something of the service's bodies or queries is hidden: an answer that is
// not HTTP is quoted in what the transport says about it.
func (p *policy) maskError(text string) string {
	if len(p.paths) == 0 && len(p.params) == 0 || !strings.Contains(text, `"`) {
		return text
	}
	return quoted.ReplaceAllLiteralString(text, `"`+Masked+`"`)
}

// maskQuery keeps the query's bytes and order, except for the values of masked parameters. The name "*" stands for all.
func (p *policy) maskQuery(query string) string {
	if query == "" || len(p.params) == 0 {
		return query
	}
	pairs := strings.Split(query, "&")
	for i, pair := range pairs {
		for part := range strings.SplitSeq(pair, ";") { // which some servers still take for &
			if raw, _, _ := strings.Cut(part, "="); p.hidesParam(raw) {
				first, _, _ := strings.Cut(pair, "=")
				pairs[i] = first + "=" + url.QueryEscape(Masked)
				break
			}
		}
	}
	return strings.Join(pairs, "&")
}

func (p *policy) hidesParam(raw string) bool {
	name, err := url.QueryUnescape(raw)
	return err != nil || slices.Contains(p.params, name) || slices.Contains(p.params, "*")
}
