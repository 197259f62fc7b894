// Package replay sends recorded requests again, to another release or address, and compares what comes back. The
// requests go out in the order of their arrival, whatever their number: they are sorted on disk. Every record that was
// selected is either sent or refused for a reason that is counted.
package replay

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"aictl/replay/compare"
	"aictl/store/records"
)

// masked is what the recorder puts in the place of a secret.
const masked = "[redacted]"

// HeaderRun marks a replayed request with the id of its run.
const HeaderRun = "X-Aictl-Replay"

// item is a recorded request that can be sent again. Bare says that credentials were taken out of it.
type item struct {
	ID       string
	Session  string
	At       time.Time
	Method   string
	Path     string // escaped, with a leading slash
	Query    string
	Header   http.Header
	Trailer  http.Header
	Body     []byte
	Bare     bool
	Recorded compare.Answer // its Body only when asked for
}

func (i *item) size() int64 {
	n := int64(len(i.Body) + len(i.Path) + len(i.Query) + len(i.Recorded.Body) + 512)
	for name, values := range i.Header {
		for _, v := range values {
			n += int64(len(name) + len(v) + 64)
		}
	}
	return n
}

// before is the order of arrival.
func (i *item) before(o *item) bool {
	if !i.At.Equal(o.At) {
		return i.At.Before(o.At)
	}
	return i.ID < o.ID
}

// The reasons why a record is not sent again.
const (
	RefusedLost      = "lost"       // only that it was accepted is known
	RefusedTruncated = "truncated"  // the rest of its body was not kept
	RefusedOmitted   = "omitted"    // bodies were not kept
	RefusedErased    = "erased"     // the body was removed later
	RefusedRedacted  = "redacted"   // something in it was masked
	RefusedBroken    = "incomplete" // not all of it was received
	RefusedWebSocket = "websocket"  // a conversation, not a request
	RefusedGRPC      = "grpc"       // needs HTTP/2
	RefusedCopy      = "copy"       // is itself a replay's or a shadow's
	RefusedMethod    = "method"     // not among the methods asked for
	RefusedMalformed = "malformed"  // no HTTP request can be made of it
	RefusedNoAnswer  = "unanswered" // there is no whole answer of an instance to compare with
)

// sendable says why a record cannot be sent again, "" when it can. copies lets replays and shadows through.
func sendable(x *records.Exchange, methods []string, copies bool) string {
	m := &x.Request
	switch {
	case x.End == records.EndLost:
		return RefusedLost
	case !copies && (x.Source == records.SourceReplay || x.Source == records.SourceShadow || m.Header.Get(HeaderRun) != ""):
		return RefusedCopy
	case len(methods) > 0 && !slices.ContainsFunc(methods, func(name string) bool { return strings.EqualFold(name, x.Method) }):
		return RefusedMethod
	case x.Status == http.StatusSwitchingProtocols || len(m.Frames) > 0 || strings.EqualFold(m.Header.Get("Upgrade"), "websocket"):
		return RefusedWebSocket
	case strings.HasPrefix(m.Header.Get("Content-Type"), "application/grpc"):
		return RefusedGRPC
	case m.Erased:
		return RefusedErased
	case m.Truncated:
		return RefusedTruncated
	case m.SHA256 == [32]byte{} && (m.Size > 0 || len(m.Body) > 0) || strings.Contains(plainQuery(x.Query), masked):
		return RefusedRedacted
	case m.Omitted && m.Size > 0 || int64(len(m.Body)) < m.Size:
		return RefusedOmitted
	case x.Method == "" || x.Method == http.MethodConnect || !strings.HasPrefix(x.Path, "/"):
		return RefusedMalformed
	case promised(m) > m.Size: // the client broke off, or was refused before its body was read
		return RefusedBroken
	}
	return ""
}

// comparable says why a record's answer cannot be compared with, "" when it can.
func comparable(x *records.Exchange) string {
	ours := x.Source == records.SourceGateway && x.Instance == "" && !x.Cached // the gateway's own answer
	if x.Status == 0 || x.End != records.EndComplete || ours {
		return RefusedNoAnswer
	}
	return ""
}

func plainQuery(q string) string {
	return strings.NewReplacer("%5B", "[", "%5b", "[", "%5D", "]", "%5d", "]").Replace(q)
}

// promised is how long a body was to become, as far as that is known.
func promised(m *records.Message) int64 {
	var n int64
	for _, c := range m.Header.Get("Content-Length") {
		if c < '0' || c > '9' || n > 1<<50 {
			return 0
		}
		n = 10*n + int64(c-'0')
	}
	return n
}

// itemOf is the request of a record that is sendable; with its recorded answer when that is asked for.
func itemOf(x *records.Exchange, answer bool) *item {
	i := &item{
		ID: x.ID, Session: x.Session, At: x.StartedAt, Method: x.Method, Path: x.Path, Query: x.Query, Body: x.Request.Body,
		Trailer: x.Request.Trailer,
	}
	i.Header, i.Bare = outgoing(x.Request.Header)
	i.Recorded = compare.Answer{Status: x.Status, Size: x.Response.Size, SHA256: x.Response.SHA256, Took: x.Duration, At: x.StartedAt.Add(x.Duration)}
	if x.Status == 0 {
		i.Recorded.Failure = "recorded as " + string(x.End)
	}
	if answer {
		m := &x.Response
		i.Recorded.Header, i.Recorded.Body = m.Header, m.Body
		i.Recorded.Partial = m.Truncated || m.Omitted || m.Erased || x.End != records.EndComplete
	}
	return i
}

// dropped are the headers that belong to a connection or were put there by proxies on the way.
var dropped = map[string]bool{
	"Connection": true, "Proxy-Connection": true, "Keep-Alive": true, "Te": true, "Trailer": true, "Transfer-Encoding": true,
	"Upgrade": true, "Proxy-Authenticate": true, "Proxy-Authorization": true, "Http2-Settings": true, "Expect": true,
	"Content-Length": true, "Host": true,
	"Forwarded": true, "X-Forwarded-For": true, "X-Forwarded-Host": true, "X-Forwarded-Proto": true, "X-Forwarded-Prefix": true,
	"X-Forwarded-Port": true, "X-Real-Ip": true, "Via": true, "Traceparent": true, "Tracestate": true,
}

// outgoing are the headers that are sent again. What was masked is left out, bare says that there was such a thing.
func outgoing(recorded http.Header) (out http.Header, bare bool) {
	out = http.Header{}
	named := map[string]bool{}
	for _, v := range recorded.Values("Connection") {
		for name := range strings.SplitSeq(v, ",") {
			named[http.CanonicalHeaderKey(strings.TrimSpace(name))] = true
		}
	}
	for name, values := range recorded {
		key := http.CanonicalHeaderKey(name)
		if dropped[key] || named[key] || strings.HasPrefix(key, "X-Aictl-") {
			continue
		}
		for _, v := range values {
			switch {
			case !strings.Contains(v, masked):
				out.Add(key, v)
			case key == "Cookie":
				bare = true
				if left := unmaskedCookies(v); left != "" {
					out.Add(key, left)
				}
			default:
				bare = true
			}
		}
	}
	return out, bare
}

func unmaskedCookies(line string) string {
	var left []string
	for pair := range strings.SplitSeq(line, ";") {
		if pair = strings.TrimSpace(pair); pair != "" && !strings.Contains(pair, masked) {
			left = append(left, pair)
		}
	}
	return strings.Join(left, "; ")
}

func sortedKeys(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }
