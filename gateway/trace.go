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

// traceOf returns the client's trace context, or a new one that asks to be sampled, as a root span would.
func traceOf(h http.Header) traceparent {
	if sent := h["Traceparent"]; len(sent) == 1 && validTrace(sent[0]) {
		return traceparent{value: sent[0]}
	}
	var b [24]byte
	for i := 0; i < len(b); i += 8 {
		binary.NativeEndian.PutUint64(b[i:], rand.Uint64())
	}
	b[0] |= 1 // ids of zeros are invalid
	b[16] |= 1
	return traceparent{value: "00-" + hex.EncodeToString(b[:16]) + "-" + hex.EncodeToString(b[16:]) + "-01", made: true}
}

// id is the trace id.
func (t traceparent) id() string { return t.value[3:35] }

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
