package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"aictl/store/records"
)

// commitTime bounds how long an answer waits for its record.
const commitTime = 10 * time.Second

// heldAnswer is the answer of an audit service until its record is committed. It stands in for the client's ResponseWriter:
// nothing that is written to it is sent before send.
type heldAnswer struct {
	http.ResponseWriter // the client's; only its controls are used
	most                int
	header              http.Header
	status              int
	head                http.Header // header, when the status was written
	body                []byte
	fault               error // why the answer cannot be held
	uncommitted         error // why it must not be sent
}

var (
	errHeldTooLong = errors.New("the answer is longer than record.max_body, and with mode audit it must be in its record as a whole")
	errHeldStream  = errors.New("an event stream cannot be held back until it is recorded; use mode normal for services that stream")
)

// hold makes the answers of audit services wait for their records.
func (x *exchange) hold() {
	if x.route.Record.Mode == "audit" && x.ticket != nil {
		x.held = &heldAnswer{ResponseWriter: x.w, most: x.maxBody(), header: http.Header{}}
		x.w = x.held
	}
}

// Header returns the fields of the answer that is held.
func (h *heldAnswer) Header() http.Header { return h.header }

// WriteHeader notes the status. 1xx answers, which would tell something before the record is committed, are not passed on.
func (h *heldAnswer) WriteHeader(status int) {
	if h.status != 0 || status < 200 {
		return
	}
	h.status, h.head = status, h.header.Clone()
	if eventStream(h.header) {
		h.fault = errHeldStream
	}
}

// Write keeps p. After an error the answer has to be given up.
func (h *heldAnswer) Write(p []byte) (int, error) {
	h.WriteHeader(http.StatusOK)
	if h.fault == nil && len(h.body)+len(p) > h.most {
		h.fault = errHeldTooLong
	}
	if h.fault != nil {
		return 0, h.fault
	}
	h.body = append(h.body, p...)
	return len(p), nil
}

// FlushError sends nothing; that the answer cannot be held is told.
func (h *heldAnswer) FlushError() error { return h.fault }

// Flush is FlushError for those who look for an http.Flusher.
func (h *heldAnswer) Flush() {}

// Unwrap makes the connection's controls reachable.
func (h *heldAnswer) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// send gives the client what was held. An error says that it has gone.
func (h *heldAnswer) send() error {
	to := h.ResponseWriter.Header()
	maps.Copy(to, h.head)
	h.ResponseWriter.WriteHeader(h.status)
	var err error
	if len(h.body) > 0 {
		_, err = h.ResponseWriter.Write(h.body)
	}
	trailers := false
	for name, values := range h.header {
		if before, had := h.head[name]; had && slices.Equal(before, values) {
			continue
		}
		if !trailers && err == nil {
			err, trailers = http.NewResponseController(h.ResponseWriter).Flush(), true // a trailer needs chunks
		}
		to[name] = values
	}
	return err
}

// noTunnel answers a handshake to an audit service: what passes in a tunnel cannot be held.
func (x *exchange) noTunnel() bool {
	if x.held == nil || !wantsWebSocket(x.r) {
		return false
	}
	x.declined = true
	x.answer(Problem{Status: http.StatusNotImplemented, Code: "audit_no_websocket",
		Detail: x.route.Service + " is recorded with mode audit, which WebSockets cannot keep: use mode normal for it"}, false)
	return true
}

// giveUpHeld answers in place of an answer that cannot be held. It is deferred, to end the panic by which relaying it was broken off.
func (x *exchange) giveUpHeld() {
	if x.held == nil || x.held.fault == nil {
		return
	}
	if p := recover(); p != nil && p != http.ErrAbortHandler {
		panic(p)
	}
	fault := x.held.fault
	x.held.fault, x.held.status, x.held.body, x.held.header = nil, 0, nil, http.Header{}
	x.declined, x.failure = true, fault
	x.answer(Problem{Status: http.StatusBadGateway, Code: "answer_not_recordable", Reason: fault.Error(),
		Detail: x.route.Service + " answered, but not in a way that can be recorded before it is sent"}, false)
}

// handOver gives the record away. The record of an audit service is waited for.
func (x *exchange) handOver() {
	if x.held == nil {
		x.ticket.End(x.record())
		return
	}
	if x.held.fault != nil { // it was broken off on another goroutine, and is answered later
		x.declined, x.failure, x.status = true, x.held.fault, http.StatusBadGateway
	}
	ctx, cancel := context.WithTimeout(x.r.Context(), commitTime)
	defer cancel()
	if x.held.uncommitted = x.ticket.Commit(ctx, x.record()); x.held.uncommitted != nil {
		x.status = http.StatusServiceUnavailable
	}
}

// release sends the answer of an audit service, or what stands in for it.
func (x *exchange) release() {
	h := x.held
	if h == nil {
		return
	}
	x.w = h.ResponseWriter
	if h.uncommitted != nil {
		x.g.opt.Logger.Warn("answer withheld: its record is not committed", "service", x.route.Service, "record", x.ticket.ID(), "error", h.uncommitted)
		x.notCommitted().write(x.w, true)
		return
	}
	if err := h.send(); err != nil {
		x.g.opt.Logger.Debug("recorded answer not sent", "record", x.ticket.ID(), "error", err)
	}
}

func (x *exchange) notCommitted() Problem {
	return Problem{Status: http.StatusServiceUnavailable, Code: "record_not_committed", Service: x.route.Service, Reason: "the record could not be stored",
		Detail: fmt.Sprintf("%s answers only what is recorded, and the record of this request is not known to be stored; the request may have taken effect", x.route.Service)}
}

// deny answers a request that the recorder does not let in. No instance sees it.
func (x *exchange) deny() {
	x.refused = true
	p := Problem{Status: http.StatusServiceUnavailable, Code: "record_not_committed",
		Reason: "the store of records does not work", Detail: x.route.Service + " answers only what is recorded, and nothing can be recorded now"}
	if errors.Is(x.denied, records.ErrNoRoom) {
		p.Code, p.Reason = "recorder_busy", "the recorder has no memory for another exchange"
		p.Detail = x.route.Service + " answers only what can be recorded, and records are waiting to be written"
	}
	x.answer(p, true)
}
