package interchange

import (
	"encoding/hex"
	"encoding/json"
	"time"

	"aictl/store/records"
)

// column is a field of a flat file. get returns a string, an int64, a float64, a bool or a time.Time.
type column struct {
	name  string
	zero  any
	few   bool // the same few values again and again
	body  bool
	extra bool // only when it is asked for
	get   func(x *records.Exchange, b Bodies) any
}

// columns are all there are, in the order they have when none are named.
var columns = append([]column{
	text("id", func(x *records.Exchange) string { return x.ID }),
	few("service", func(x *records.Exchange) string { return x.Service }),
	few("release", func(x *records.Exchange) string { return x.Release }),
	few("instance", func(x *records.Exchange) string { return x.Instance }),
	few("source", func(x *records.Exchange) string { return sourceName(x.Source) }),
	few("model", func(x *records.Exchange) string { return x.Model }),
	text("session", func(x *records.Exchange) string { return x.Session }),
	text("user", func(x *records.Exchange) string { return x.User }),
	text("trace_id", func(x *records.Exchange) string { return x.TraceID }),
	text("tags", func(x *records.Exchange) string { return object(x.Tags, len(x.Tags)) }),
	few("method", func(x *records.Exchange) string { return x.Method }),
	few("path", func(x *records.Exchange) string { return x.Path }),
	text("query", func(x *records.Exchange) string { return x.Query }),
	text("remote", func(x *records.Exchange) string { return x.Remote }),
	number("status", func(x *records.Exchange) int64 { return int64(x.Status) }),
	{name: "started_at", zero: time.Time{}, get: func(x *records.Exchange, _ Bodies) any { return x.StartedAt }},
	{name: "first_byte_ms", zero: float64(0), get: func(x *records.Exchange, _ Bodies) any { return milliseconds(x.FirstByte) }},
	{name: "duration_ms", zero: float64(0), get: func(x *records.Exchange, _ Bodies) any { return milliseconds(x.Duration) }},
	few("end", func(x *records.Exchange) string { return string(x.End) }),
	text("error", func(x *records.Exchange) string { return x.Error }),
	truth("cached", func(x *records.Exchange) bool { return x.Cached }),
}, append(sideColumns("request", func(x *records.Exchange) *records.Message { return &x.Request }),
	sideColumns("response", func(x *records.Exchange) *records.Message { return &x.Response })...)...)

// sideColumns are those of the request or the response.
func sideColumns(side string, of func(*records.Exchange) *records.Message) []column {
	header := text(side+"_header", func(x *records.Exchange) string { return object(of(x).Header, len(of(x).Header)) })
	header.extra = true
	return []column{
		number(side+"_size", func(x *records.Exchange) int64 { return of(x).Size }),
		text(side+"_sha256", func(x *records.Exchange) string { sum := of(x).SHA256; return hex.EncodeToString(sum[:]) }),
		truth(side+"_truncated", func(x *records.Exchange) bool { return of(x).Truncated }),
		truth(side+"_omitted", func(x *records.Exchange) bool { return of(x).Omitted }),
		header,
		{name: side + "_body", zero: "", body: true, get: func(x *records.Exchange, b Bodies) any {
			body, _ := bodyText(of(x).Body, b)
			return body
		}},
		{name: side + "_body_encoding", zero: "", few: true, body: true, get: func(x *records.Exchange, b Bodies) any {
			_, encoding := bodyText(of(x).Body, b)
			return encoding
		}},
	}
}

func text(name string, get func(*records.Exchange) string) column {
	return column{name: name, zero: "", get: func(x *records.Exchange, _ Bodies) any { return get(x) }}
}

func few(name string, get func(*records.Exchange) string) column {
	c := text(name, get)
	c.few = true
	return c
}

func number(name string, get func(*records.Exchange) int64) column {
	return column{name: name, zero: int64(0), get: func(x *records.Exchange, _ Bodies) any { return get(x) }}
}

func truth(name string, get func(*records.Exchange) bool) column {
	return column{name: name, zero: false, get: func(x *records.Exchange, _ Bodies) any { return get(x) }}
}

func sourceName(s records.Source) string {
	if s == records.SourceGateway {
		return "gateway"
	}
	return string(s)
}

// object is a map as JSON with its keys in order, empty when the map is.
func object(m any, n int) string {
	if n == 0 {
		return ""
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // maps of texts are always encoded
	}
	return string(b)
}
