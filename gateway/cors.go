package gateway

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"aictl/configs"
)

// corsMethods are allowed where the manifest names none.
const corsMethods = "GET, HEAD, POST, PUT, PATCH, DELETE"

// corsExposed are the gateway's own headers, which pages may read.
var corsExposed = []string{HeaderRecord, HeaderInstance, HeaderCache, "Age", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"}

// cors answers browsers that ask whether a page may call a service (the Fetch standard's CORS protocol).
type cors struct {
	any      bool
	exact    map[string]bool
	below    []wildcard
	methods  string
	headers  string // "": whatever is asked for
	expose   string
	age      string
	withUser bool
}

// wildcard is an origin with a * for the first names of its host.
type wildcard struct{ before, after string }

func newCORS(conf configs.CORS) *cors {
	if !conf.Given() {
		return nil
	}
	c := &cors{
		exact: map[string]bool{}, methods: strings.Join(conf.Methods, ", "), headers: strings.Join(conf.Headers, ", "),
		expose: strings.Join(append(slices.Clone(corsExposed), conf.Expose...), ", "), withUser: conf.Credentials,
	}
	if c.methods == "" {
		c.methods = corsMethods
	}
	age := time.Duration(conf.MaxAge)
	if age == 0 {
		age = 10 * time.Minute
	}
	c.age = strconv.Itoa(int(age / time.Second))
	for _, o := range conf.Origins {
		before, after, star := strings.Cut(o, "*")
		switch {
		case o == "*":
			c.any = true
		case star:
			c.below = append(c.below, wildcard{before, after})
		default:
			c.exact[o] = true
		}
	}
	return c
}

// allows reports whether pages of an origin may call the service.
func (c *cors) allows(origin string) bool {
	if c.any || c.exact[origin] {
		return true
	}
	return slices.ContainsFunc(c.below, func(w wildcard) bool { return w.matches(origin) })
}

// matches takes any names in the place of the *, but at least one, and nothing that is no name.
func (w wildcard) matches(origin string) bool {
	rest, ok := strings.CutPrefix(origin, w.before)
	if !ok {
		return false
	}
	names, ok := strings.CutSuffix(rest, w.after)
	return ok && names != "" && !strings.HasPrefix(names, ".") && !strings.ContainsAny(names, "/:@?#[]")
}

// origin is what a request's page is told it is allowed as, "" when it is not, or when there is no page.
func (c *cors) origin(h http.Header) string {
	sent := h["Origin"]
	switch {
	case len(sent) != 1 || !c.allows(sent[0]):
		return ""
	case c.any:
		return "*"
	}
	return sent[0]
}

// preflight answers a browser's question before a request, and reports whether it was one.
func (c *cors) preflight(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodOptions || len(r.Header["Origin"]) != 1 || len(r.Header["Access-Control-Request-Method"]) != 1 {
		return false
	}
	h := w.Header()
	c.vary(h, "Origin")
	origin := c.origin(r.Header)
	if origin == "" {
		Problem{Status: http.StatusForbidden, Code: "origin_not_allowed", Detail: "pages of this origin may not call the service: see gateway.cors.origins"}.write(w, false)
		return true
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Methods", c.methods)
	headers := c.headers
	if asked := r.Header["Access-Control-Request-Headers"]; headers == "" && len(asked) > 0 {
		headers = strings.Join(asked, ", ")
		c.vary(h, "Access-Control-Request-Headers")
	}
	if headers != "" {
		h.Set("Access-Control-Allow-Headers", headers)
	}
	if c.withUser {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
	h.Set("Access-Control-Max-Age", c.age)
	w.WriteHeader(http.StatusNoContent)
	return true
}

// strip takes away what an instance says about origins.
func (c *cors) strip(h http.Header) {
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			delete(h, name)
		}
	}
}

// mark puts what a page may do with an answer on it.
func (c *cors) mark(h http.Header, request http.Header) {
	c.vary(h, "Origin")
	origin := c.origin(request)
	if origin == "" {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", c.expose)
	if c.withUser {
		h.Set("Access-Control-Allow-Credentials", "true")
	}
}

// vary tells caches that the answer depends on a header of the request.
func (c *cors) vary(h http.Header, name string) {
	if name == "Origin" && c.any || named(h["Vary"], name) {
		return
	}
	h["Vary"] = append(h["Vary"][:len(h["Vary"]):len(h["Vary"])], name)
}
