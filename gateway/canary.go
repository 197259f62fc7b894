package gateway

import (
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"strings"
	"time"

	"aictl/configs"
)

// Canary sends a part of a service's requests to another release. With no Targets, because the release is not healthy, all of
// them go to the live one. Release and Since identify it: counts begin anew with another.
type Canary struct {
	Release     string
	Since       time.Time
	Weight      float64 // percent of the requests
	HeaderName  string  // requests that carry this header with this value go to the canary whatever the weight; "" is none
	HeaderValue string
	Targets     []Target
}

// split is a canary in force: where its requests go, and what came of them. It outlives the routes that name it.
type split struct {
	canary, live tally
	release      string
	since        time.Time
}

// trial is a route's canary.
type trial struct {
	part    *route // its targets
	sticky  sticky
	tallies *split
}

// lot is which side of a canary serves an exchange.
type lot int8

const (
	notDrawn lot = iota
	drewLive
	drewCanary
)

// choose enters x on a target of the side that it belongs to. When the canary has none that takes it, the live one serves.
func (x *exchange) choose(rt *route, avoid string) (Target, *load, bool) {
	if x.copied != nil {
		return x.copied.pick(x, rt, avoid)
	}
	if x.onCanary(rt) {
		if target, l, ok := rt.trial.part.pick(x, avoid); ok {
			return target, l, true
		}
	}
	return rt.pick(x, avoid)
}

// onCanary draws a side once.
func (x *exchange) onCanary(rt *route) bool {
	if rt.trial == nil {
		return false
	}
	if x.lot == notDrawn {
		x.lot = drewLive
		if takesCanary(rt.Canary, x.r.Header, rt.trial.sticky.of(x.r), x.g.opt.Rand) {
			x.lot = drewCanary
		}
	}
	return x.lot == drewCanary
}

// takesCanary decides about one request: a header that matches wins, then a session stays on one side, the rest is drawn.
func takesCanary(c *Canary, h http.Header, session string, draw func() float64) bool {
	if c.HeaderName != "" {
		for _, v := range h.Values(c.HeaderName) {
			if v == c.HeaderValue {
				return true
			}
		}
	}
	if c.Weight <= 0 {
		return false
	}
	if session != "" {
		return drawn(c.Release, session)*100 < c.Weight
	}
	return draw()*100 < c.Weight
}

// drawn is a number from 0 to below 1 that belongs to a session for as long as a release is a canary: with more weight, those
// that are on its side stay there.
func drawn(release, session string) float64 {
	sum := sha256.Sum256([]byte(release + "\x00" + session))
	return float64(binary.BigEndian.Uint64(sum[:8])>>11) / (1 << 53)
}

// sticky says where the name of a request's session is found. The zero value finds none.
type sticky struct{ header, cookie string }

// stickyOf reads gateway.sticky, else record.session where the request's head tells it.
func stickyOf(r Route) sticky {
	where := r.Gateway.Sticky
	if where == "" {
		where = r.Record.Session
	}
	kind, name, _ := strings.Cut(where, ":")
	switch kind {
	case configs.StickyHeader:
		return sticky{header: http.CanonicalHeaderKey(name)}
	case configs.StickyCookie:
		return sticky{cookie: name}
	}
	return sticky{}
}

func (s sticky) of(r *http.Request) string {
	switch {
	case s.header != "":
		return r.Header.Get(s.header)
	case s.cookie != "":
		if c, err := r.Cookie(s.cookie); err == nil {
			return c.Value
		}
	}
	return ""
}

// CanaryStats is what came of a service's requests since its canary began, on both sides.
type CanaryStats struct {
	Release      string
	Since        time.Time
	Canary, Live SideStats
}

// CanaryStats tells how a service's canary does; ok is false when it has none.
func (g *Gateway) CanaryStats(service string) (stats CanaryStats, ok bool) {
	rt := g.table.find(service)
	if rt == nil || rt.trial == nil {
		return CanaryStats{}, false
	}
	t := rt.trial.tallies
	return CanaryStats{Release: t.release, Since: t.since, Canary: t.canary.stats(), Live: t.live.stats()}, true
}

// addCanary gives a new route its canary's part. The counts of the same canary go on. Callers hold g.mu.
func (rt *route) addCanary(before *route, loadOf func(instance string) *load) {
	c := rt.Canary
	if c == nil {
		return
	}
	part := rt.Route
	part.Targets, part.Canary, part.Shadow = c.Targets, nil, nil
	rt.trial = &trial{part: newRoute(part, rt.service, loadOf), sticky: stickyOf(rt.Route), tallies: &split{release: c.Release, since: c.Since}}
	if before != nil && before.trial != nil && before.trial.tallies.of(c) {
		rt.trial.tallies = before.trial.tallies
	}
}

func (s *split) of(c *Canary) bool { return s.release == c.Release && s.since.Equal(c.Since) }

// parts are the route and what of it has targets of its own.
func (rt *route) parts() []*route {
	all := []*route{rt}
	if rt.trial != nil {
		all = append(all, rt.trial.part)
	}
	if rt.shade != nil {
		all = append(all, rt.shade.part)
	}
	return all
}

// tally counts an exchange that has ended for the side that served it. What nobody could serve is the live side's.
func (x *exchange) tally() {
	if x.route.trial == nil {
		return
	}
	t := x.route.trial.tallies
	side := &t.live
	if x.target.Release == t.release {
		side = &t.canary
	}
	side.add(x.g.opt.Now().Sub(x.start), x.status >= 500 || x.status == 0 && !x.clientGone())
}
