package gateway

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"aictl/gateway/internal/h1"
	"aictl/store/records"
)

// HeaderCache says whether an answer came out of the gateway's cache: "hit", or "miss" when it could have.
const HeaderCache = "X-Aictl-Cache"

// addCache gives a new route the service's cache. What it holds of releases that are not served any more goes. Callers hold g.mu.
func (rt *route) addCache(before *route) {
	if rt.Gateway.Cache.TTL <= 0 {
		return
	}
	rules := rulesOf(rt.Gateway.Cache)
	rt.cacheRules = rules
	if before == nil || before.cache == nil {
		rt.cache = newCache(rules)
		return
	}
	rt.cache = before.cache
	rt.cache.reconfigure(rules)
	if len(rt.Targets) == 0 {
		return // for a while; the same release may come back
	}
	releases := map[string]bool{}
	for _, t := range rt.Targets {
		releases[t.Release] = true
	}
	if rt.Canary != nil {
		releases[rt.Canary.Release] = true
	}
	rt.cache.only(releases)
}

// CacheStats tells of the cache of every service that has one.
func (g *Gateway) CacheStats() map[string]CacheStats {
	all := map[string]CacheStats{}
	g.table.routes.Range(func(name, r any) bool {
		if rt := r.(*route); rt.cache != nil {
			all[name.(string)] = rt.cache.stats()
		}
		return true
	})
	return all
}

// ClearCache empties a service's cache and reports whether it has one.
func (g *Gateway) ClearCache(service string) bool {
	rt := g.table.find(service)
	if rt == nil || rt.cache == nil {
		return false
	}
	rt.cache.clear()
	return true
}

// answeredByCache answers x from the service's cache when it can. If not, it sees that the answer is kept, where it may be: keep, if not nil,
// is to be called after the answer.
func (x *exchange) answeredByCache() (done bool, keep func()) {
	c := x.route.cache
	if c == nil || !x.route.cacheRules.covers(x.r.Method, x.path) {
		return false, nil
	}
	release := x.cacheRelease()
	if release == "" || x.held != nil {
		return false, nil
	}
	rules := &x.route.cacheRules
	why, fresh := x.uncached(rules)
	if why != bypassNone {
		c.bypass(why)
		if !fresh {
			return false, nil
		}
	}
	body, whole := x.fetchAll()
	if !whole {
		return false, nil // the error comes again when the body is read
	}
	key := rules.key(x.route.Service, release, x.path, x.r, body)
	if why == bypassNone {
		if e := c.lookup(key, x.g.opt.Now()); e != nil {
			x.answerKept(e)
			return true, nil
		}
	}
	lands := false
	if rules.single && why == bypassNone {
		if done, lands = x.answeredByFlight(c, key); done {
			return true, nil
		}
	}
	w := &cacheWriter{ResponseWriter: x.w, cache: c, limit: rules.one}
	x.w = w
	return false, func() {
		if lands {
			defer c.land(key)
		}
		w.keep(x, key, release)
	}
}

// cacheRelease is the release that serves x, "" when none does.
func (x *exchange) cacheRelease() string {
	rt := x.route
	if rt.trial != nil && len(rt.trial.part.Targets) > 0 && x.onCanary(rt) {
		return rt.Canary.Release
	}
	if len(rt.Targets) == 0 {
		return ""
	}
	return rt.Targets[0].Release
}

// uncached says why x is not looked up.
func (x *exchange) uncached(rules *cacheRules) (why bypass, fresh bool) {
	switch r := x.r; {
	case r.ContentLength < 0 || r.ContentLength > directBody:
		return bypassBody, false
	case len(r.Header["Upgrade"]) > 0 || !x.direct():
		return bypassStream, false
	}
	return rules.ofRequest(x.r.Header)
}

// fetchAll reads a short body before anything is done with it, and puts it where it is read from again.
func (x *exchange) fetchAll() (body []byte, whole bool) {
	if x.r.ContentLength == 0 {
		return nil, true
	}
	body = make([]byte, x.r.ContentLength)
	n, err := io.ReadFull(x.r.Body, body)
	x.r.Body = &fetched{b: body[:n], err: err}
	return body, err == nil
}

// answerKept answers x with what the cache has.
func (x *exchange) answerKept(e *kept) {
	x.cached = true
	x.target = Target{Release: e.release}
	if x.r.ContentLength > 0 {
		x.readRequest()
		if _, err := io.Copy(io.Discard, x.request); err != nil {
			x.g.opt.Logger.Debug("fetched body not read", "error", err)
		}
	}
	header := e.header.Clone()
	header["Age"] = []string{strconv.FormatInt(max(0, int64(x.g.opt.Now().Sub(e.at)/time.Second)), 10)}
	header["Content-Length"] = []string{strconv.Itoa(len(e.body))}
	header[HeaderCache] = []string{"hit"}
	x.began(http.StatusOK, header)
	share(x.w.Header(), header)
	x.g.lastAnswer(x.w)
	x.mark()
	x.w.WriteHeader(http.StatusOK)
	x.answered = &x.outgone
	x.answered.capture.init(x, int64(len(e.body)))
	x.answered.add(e.body)
	if _, err := x.w.Write(e.body); err != nil {
		x.answered.err = err
		panic(http.ErrAbortHandler) // the client has gone
	}
	x.answered.eof = true
}

// cacheWriter passes an answer on and collects its body, as far as it may be kept.
type cacheWriter struct {
	http.ResponseWriter
	cache    *cache
	limit    int64
	begun    bool
	over     bool // too long, or no room to collect it
	reserved int64
	body     []byte
}

// Unwrap lets http.ResponseController find what the connection can do.
func (w *cacheWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *cacheWriter) WriteHeader(status int) {
	if status >= 200 && !w.begun {
		w.begun = true
		w.Header()[HeaderCache] = []string{"miss"}
		w.over = status != http.StatusOK || !w.reserve()
	}
	w.ResponseWriter.WriteHeader(status)
}

// reserve makes room for the body that is announced, or for the longest that is kept.
func (w *cacheWriter) reserve() bool {
	n := w.limit
	if text := w.Header().Get("Content-Length"); text != "" {
		length, err := strconv.ParseInt(text, 10, 64)
		if err != nil || length > w.limit {
			return false
		}
		n = length
	}
	if !w.cache.reserve(n) {
		return false
	}
	w.reserved = n
	return true
}

func (w *cacheWriter) Write(p []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	if !w.over && int64(len(w.body)+len(p)) > w.limit {
		w.over, w.body = true, nil
	}
	if !w.over {
		if w.body == nil {
			w.body = make([]byte, 0, max(len(p), int(min(w.reserved, trustBody))))
		}
		w.body = append(w.body, p...)
	}
	return w.ResponseWriter.Write(p)
}

// keep stores the answer that x has been given, if it is one to be kept.
func (w *cacheWriter) keep(x *exchange, key cacheKey, release string) {
	defer func() {
		if w.reserved > 0 {
			w.cache.unreserve(w.reserved)
		}
	}()
	if x.own != nil || x.finished {
		return // the gateway's own answer, or one that is the recorder's by now
	}
	ttl, why := x.route.cacheRules.ofAnswer(x.status, x.header)
	switch {
	case why != bypassNone:
	case verdict(x.outcome()) != records.EndComplete:
		why = bypassBroken
	case x.target.Release != release:
		why = bypassMoved
	case w.over:
		why = bypassTooLong
	case len(x.call.Trailer) > 0:
		why = bypassAnswerStream
	}
	if why != bypassNone {
		w.cache.bypass(why)
		return
	}
	now := x.g.opt.Now()
	w.cache.store(&kept{key: key, release: release, header: keptHeader(x.header), body: slices.Clip(w.body), at: now, until: now.Add(ttl)})
}

// keptHeader is what of an answer's header belongs to every copy of it.
func keptHeader(h http.Header) http.Header {
	out := make(http.Header, len(h)+3)
	for name, values := range h {
		if !h1.Hop(name) && name != "Content-Length" && name != "Age" {
			out[name] = slices.Clone(values)
		}
	}
	return out
}
