package gateway

import (
	"net/http"

	"aictl/configs"
)

// rules are those of a service's gateway section that a request is held against before an instance is looked for.
type rules struct {
	rate *limiter
	cors *cors
	keys bool
}

// rulesOf returns nil for a service that has none. What a rate has counted is kept as long as the rate stays the same. Callers hold
// g.mu.
func (s *service) rulesOf(conf configs.Gateway) *rules {
	if !conf.Rate.Given() {
		s.rate = nil
	} else if s.rate == nil || s.rate.conf != conf.Rate.Filled() {
		s.rate = newLimiter(conf.Rate)
	}
	r := &rules{rate: s.rate, cors: newCORS(conf.CORS), keys: conf.Keys != ""}
	if *r == (rules{}) {
		return nil
	}
	return r
}

// allowed reports whether the service's rules let the request through. If they do not, it has been answered.
func (x *exchange) allowed() bool {
	if r := x.route.rules; r != nil {
		if r.keys && !x.keyed() {
			return false
		}
		if (r.rate != nil || x.key != nil) && !x.withinRate() {
			return false
		}
	}
	if most := int64(x.route.Gateway.MaxBody); most > 0 && x.r.ContentLength > most {
		x.tooLarge()
		return false
	}
	return true
}

// stripRules takes away what an instance says about what is the gateway's to say.
func (x *exchange) stripRules(h http.Header) {
	r := x.route.rules
	if r == nil {
		return
	}
	if r.cors != nil {
		r.cors.strip(h)
	}
	if x.rate.limiter != nil {
		for _, name := range rateFields {
			h.Del(name)
		}
	}
}
