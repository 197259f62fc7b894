package gateway

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strings"
)

// traceparent is a W3C trace context: version, 32 hex digits of trace id, 16 of parent id, flags.
type traceparent struct {
	value string
	made  bool // here, because the client sent none or a malformed one
}

// traceOf returns the client's trace context; one without a value when it sent none or a malformed one.
func traceOf(h http.Header) traceparent {
	if sent := h["Traceparent"]; len(sent) == 1 && validTrace(sent[0]) {
		return traceparent{value: sent[0]}
	}
	return traceparent{}
}

// begin is t, or a new context that asks to be sampled, as a root span would. A recorded request's trace has the id of its record, which
// saves keeping both; record is a UUID; without one the id is random.
func (t traceparent) begin(record string) traceparent {
	if t.value != "" {
		return t
	}
	var b [24]byte
	for i := 0; i < len(b); i += 8 {
		binary.NativeEndian.PutUint64(b[i:], rand.Uint64())
	}
	b[0] |= 1 // ids of zeros are invalid
	b[16] |= 1
	id := strings.ReplaceAll(record, "-", "")
	if len(id) != 32 || !lowerHex(id) {
		id = hex.EncodeToString(b[:16])
	}
	return traceparent{value: "00-" + id + "-" + hex.EncodeToString(b[16:]) + "-01", made: true}
}

// id is the trace id, "" before there is one.
func (t traceparent) id() string {
	if t.value == "" {
		return ""
	}
	return t.value[3:35]
}

// set puts the context on a request. A tracestate without its own parent means nothing.
func (t traceparent) set(h http.Header) {
	if t.made {
		h.Set("Traceparent", t.value)
		h.Del("Tracestate")
	}
}

// validTrace accepts version 00, and later versions that begin like it, as the specification asks.
func validTrace(v string) bool {
	if len(v) < 55 || v[2] != '-' || v[35] != '-' || v[52] != '-' {
		return false
	}
	version, trace, parent, flags := v[:2], v[3:35], v[36:52], v[53:55]
	if !lowerHex(version) || !lowerHex(trace) || !lowerHex(parent) || !lowerHex(flags) || version == "ff" {
		return false
	}
	if version == "00" && len(v) != 55 || len(v) > 55 && v[55] != '-' {
		return false
	}
	return strings.Trim(trace, "0") != "" && strings.Trim(parent, "0") != ""
}

func lowerHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }
