package gateway

import (
	"container/list"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"aictl/configs"
)

// rateNames is how many clients of a service are told apart. Beyond that, the one unheard of for longest begins anew.
const rateNames = 10_000

// limiter keeps a rate for each of many names. It is the generic cell rate algorithm (ITU-T I.371): one moment per name says
// when everything it has asked for would be paid off.
type limiter struct {
	conf  configs.Rate
	each  time.Duration // that one request takes
	ahead time.Duration // how far the moment may lie ahead: the burst

	mu    sync.Mutex
	names map[string]*list.Element
	order list.List // of *paid, the one asked for last at the front
}

type paid struct {
	name string
	at   time.Time
}

func newLimiter(conf configs.Rate) *limiter {
	conf = conf.Filled()
	each := time.Duration(conf.Per) / time.Duration(conf.Requests)
	return &limiter{conf: conf, each: each, ahead: each * time.Duration(conf.Burst), names: map[string]*list.Element{}}
}

// verdictOfRate is what a limiter says to one request.
type verdictOfRate struct {
	limiter *limiter
	ok      bool
	left    int           // requests that could come at once after it
	full    time.Duration // until the whole burst could come
	wait    time.Duration // until it would have been let through; 0 when it is
}

// ask counts a request of name.
func (l *limiter) ask(name string, now time.Time) verdictOfRate {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.of(name)
	due := p.at
	if due.Before(now) {
		due = now
	}
	next := due.Add(l.each)
	v := verdictOfRate{limiter: l}
	if early := next.Sub(now) - l.ahead; early > 0 {
		v.wait, v.full = early, due.Sub(now)
		return v
	}
	p.at = next
	v.ok, v.full = true, next.Sub(now)
	v.left = int((l.ahead - v.full) / max(l.each, 1))
	return v
}

// of finds a name, or makes room for it.
func (l *limiter) of(name string) *paid {
	if e := l.names[name]; e != nil {
		l.order.MoveToFront(e)
		return e.Value.(*paid)
	}
	if l.order.Len() >= rateNames {
		last := l.order.Back()
		l.order.Remove(last)
		delete(l.names, last.Value.(*paid).name)
	}
	p := &paid{name: name}
	l.names[name] = l.order.PushFront(p)
	return p
}

// tighter is the one of two verdicts that a client has to mind.
func (v verdictOfRate) tighter(other verdictOfRate) verdictOfRate {
	switch {
	case v.limiter == nil:
		return other
	case other.limiter == nil || v.ok == other.ok && v.left <= other.left && v.wait >= other.wait || !v.ok && other.ok:
		return v
	}
	return other
}

var rateFields = []string{"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy"}

// tell puts the state of the rate on an answer (draft-ietf-httpapi-ratelimit-headers, the fields that are in use).
func (v verdictOfRate) tell(h http.Header) {
	if v.limiter == nil {
		return
	}
	conf := v.limiter.conf
	h.Set("RateLimit-Limit", strconv.Itoa(conf.Burst))
	h.Set("RateLimit-Remaining", strconv.Itoa(v.left))
	h.Set("RateLimit-Reset", strconv.Itoa(seconds(v.full)))
	h.Set("RateLimit-Policy", strconv.Itoa(conf.Requests)+";w="+strconv.Itoa(max(seconds(time.Duration(conf.Per)), 1))+";burst="+strconv.Itoa(conf.Burst))
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// withinRate counts the exchange with its service's rate and its key's own. If it is too much, it has been answered.
func (x *exchange) withinRate() bool {
	now := x.g.opt.Now()
	var v verdictOfRate
	if l := x.route.rules.rate; l != nil {
		v = l.ask(x.rateName(l.conf), now)
	}
	if k := x.key; k != nil && k.rate != nil && (v.limiter == nil || v.ok) {
		v = v.tighter(k.rate.ask("", now))
	}
	x.rate = v
	if v.limiter == nil || v.ok {
		return true
	}
	x.decline(refusedRate, Problem{Status: http.StatusTooManyRequests, Code: "rate_limited",
		Reason: "more than " + v.limiter.conf.String() + " requests", wait: v.wait}, true)
	return false
}

// rateName is whose rate the exchange counts with.
func (x *exchange) rateName(conf configs.Rate) string {
	switch {
	case conf.By == configs.RateByService:
		return ""
	case conf.By == configs.RateByKey && x.key != nil:
		return "key:" + x.key.Name
	case conf.Header() != "":
		if v := x.r.Header.Get(conf.Header()); v != "" {
			return "header:" + clipName(v)
		}
	}
	return "client:" + network(x.r.RemoteAddr)
}

// clipName bounds what a client can have the table hold.
func clipName(v string) string {
	const most = 256
	if len(v) > most {
		return v[:most]
	}
	return v
}

// network is a client's address, for IPv6 the /64 that one subscriber has.
func network(remote string) string {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote
	}
	addr := at.Addr().Unmap().WithZone("")
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			return p.String()
		}
	}
	return addr.String()
}
