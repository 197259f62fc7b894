package gateway

import (
	"errors"
	"net/http"
	"sync/atomic"
)

// refusal is why the gateway answers a request without asking an instance. Its number indexes counters.
type refusal int

// The refusals, with the names they have in metrics.
const (
	refusedBody refusal = iota
	refusedQueueFull
	refusedQueueTimeout
	refusedRate
	refusedNoKey
	refusedKey        // unknown or expired
	refusedKeyService // for another service
	refusals          // how many there are
)

var refusalNames = [refusals]string{"body_too_large", "queue_full", "queue_timeout", "rate", "no_key", "bad_key", "foreign_key"}

// refusalCounts counts a service's refusals.
type refusalCounts [refusals]atomic.Int64

func (c *refusalCounts) byName() map[string]int64 {
	all := make(map[string]int64, refusals)
	for i := range c {
		all[refusalNames[i]] = c[i].Load()
	}
	return all
}

// decline answers in an instance's place because of a rule of the service's. What is left of the request is not waited for.
func (x *exchange) decline(why refusal, p Problem, retry bool) {
	x.declined = true
	x.route.service.refused[why].Add(1)
	if x.r.ContentLength != 0 && x.r.ProtoMajor == 1 {
		x.w.Header().Set("Connection", "close")
	}
	x.answer(p, retry)
}

// errBodyTooLarge ends a request whose body turned out to be longer than the service takes.
var errBodyTooLarge = errors.New("the request body is longer than gateway.max_body")

// overlong reports whether that was found out while the body came.
func (x *exchange) overlong() bool {
	return x.request != nil && errors.Is(x.request.readError(), errBodyTooLarge)
}

func (x *exchange) tooLarge() {
	x.decline(refusedBody, Problem{Status: http.StatusRequestEntityTooLarge, Code: "body_too_large",
		Reason: "the request body is longer than the " + x.route.Gateway.MaxBody.String() + " that " + x.route.Service + " takes"}, false)
}
