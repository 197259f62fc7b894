package gateway

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Problem is an RFC 9457 problem document, the body of every answer that is the gateway's own. Code is stable.
type Problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Detail  string `json:"detail,omitempty"`
	Code    string `json:"code"`
	Service string `json:"service,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Record  string `json:"record,omitempty"` // id of the exchange

	wait time.Duration // what Retry-After tells, where it is known; else retryAfter
}

// retryAfter is what a client is told to wait, in full seconds, when trying again makes sense.
const retryAfter = time.Second

// write sends p and returns its body.
func (p Problem) write(w http.ResponseWriter, retry bool) []byte {
	p.Type, p.Title = "about:blank", http.StatusText(p.Status)
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and a number always marshal
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if retry {
		h.Set("Retry-After", strconv.Itoa(p.seconds()))
	}
	w.WriteHeader(p.Status)
	if _, err := w.Write(body); err != nil {
		return body // the client has gone, or the method has no body; the record says so either way
	}
	return body
}

// seconds is how long to wait: whole ones, at least one, and an hour at the most.
func (p Problem) seconds() int {
	wait := min(max(p.wait, retryAfter), time.Hour)
	return int((wait + time.Second - 1) / time.Second)
}

func notFound(w http.ResponseWriter, code, service, detail string) {
	Problem{Status: http.StatusNotFound, Code: code, Service: service, Detail: detail}.write(w, false)
}

// answer sends a problem document as the exchange's answer.
func (x *exchange) answer(p Problem, retry bool) {
	x.allowDuplex() // else the server would wait for the rest of the request before it says a word
	x.mark()
	p.Service = x.route.Service
	if x.ticket != nil {
		p.Record = x.ticket.ID()
	}
	x.status = p.Status
	x.dropAnswer()
	x.first = x.g.opt.Now().Sub(x.start)
	body := p.write(x.w, retry)
	x.header = x.w.Header().Clone()
	own := &capture{}
	own.init(x, int64(len(body)))
	if x.r.Method != http.MethodHead {
		own.add(body)
	}
	x.own = own
}

// refuse answers a request that no instance can take.
func (x *exchange) refuse() {
	x.refused = true
	reason := x.route.Reason
	if reason == "" {
		reason = "no healthy instance"
	}
	if x.route.Never {
		x.answer(Problem{Status: http.StatusNotFound, Code: "serves_no_requests", Reason: reason, Detail: x.route.Service + " " + reason}, false)
		return
	}
	x.answer(Problem{Status: http.StatusServiceUnavailable, Code: "service_unavailable", Reason: reason,
		Detail: x.route.Service + " cannot serve now: " + reason}, true)
}

// proxyFailed answers a request that its instance did not.
func proxyFailed(_ http.ResponseWriter, r *http.Request, err error) {
	exchangeOf(r.Context()).fail(err)
}

// fail answers in place of the instance, with what err says.
func (x *exchange) fail(err error) {
	x.failure = err
	if x.overlong() {
		x.tooLarge()
		return
	}
	if x.clientGone() {
		panic(http.ErrAbortHandler) // nobody is there to be answered; finish still runs
	}
	p, retry := x.failed(err)
	if neverReached(err) {
		x.target = Target{}
	}
	x.answer(p, retry)
}

// clientGone reports whether the client went away before there was an answer.
func (x *exchange) clientGone() bool {
	if x.wasCut() {
		return false
	}
	return x.r.Context().Err() != nil || x.request != nil && errors.Is(x.request.readError(), io.ErrUnexpectedEOF)
}

func (x *exchange) failed(err error) (p Problem, retry bool) {
	switch {
	case x.wasCut():
		return Problem{Status: http.StatusServiceUnavailable, Code: "instance_stopping",
			Reason: "the instance was stopped before it answered"}, true
	case isTimeout(err):
		return Problem{Status: http.StatusGatewayTimeout, Code: "upstream_timeout",
			Reason: x.target.Instance + " did not answer in time"}, false
	case x.request != nil && x.request.readError() != nil:
		return Problem{Status: http.StatusBadRequest, Code: "bad_request_body",
			Reason: "the request body broke off or is malformed"}, false
	case neverReached(err):
		return Problem{Status: http.StatusBadGateway, Code: "instance_unreachable",
			Reason: "no connection to " + x.target.Instance}, true
	default:
		return Problem{Status: http.StatusBadGateway, Code: "upstream_error",
			Reason: x.target.Instance + " closed the connection or sent no valid answer"}, false
	}
}
