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
	get   func(x *flat, b Bodies) any
}

// flat is a record as a line of cells.
type flat struct {
	*records.Exchange
	labels []records.Label
}

// columns are all there are, in the order they have when none are named.
var columns = append([]column{
	text("id", func(x *flat) string { return x.ID }),
	few("service", func(x *flat) string { return x.Service }),
	few("release", func(x *flat) string { return x.Release }),
	few("instance", func(x *flat) string { return x.Instance }),
	few("source", func(x *flat) string { return sourceName(x.Source) }),
	few("model", func(x *flat) string { return x.Model }),
	text("session", func(x *flat) string { return x.Session }),
	text("user", func(x *flat) string { return x.User }),
	text("trace_id", func(x *flat) string { return x.TraceID }),
	text("tags", func(x *flat) string { return object(x.Tags, len(x.Tags)) }),
	few("method", func(x *flat) string { return x.Method }),
	few("path", func(x *flat) string { return x.Path }),
	text("query", func(x *flat) string { return x.Query }),
	text("remote", func(x *flat) string { return x.Remote }),
	number("status", func(x *flat) int64 { return int64(x.Status) }),
	{name: "started_at", zero: time.Time{}, get: func(x *flat, _ Bodies) any { return x.StartedAt }},
	{name: "first_byte_ms", zero: float64(0), get: func(x *flat, _ Bodies) any { return milliseconds(x.FirstByte) }},
	{name: "duration_ms", zero: float64(0), get: func(x *flat, _ Bodies) any { return milliseconds(x.Duration) }},
	few("end", func(x *flat) string { return string(x.End) }),
	text("error", func(x *flat) string { return x.Error }),
	truth("cached", func(x *flat) bool { return x.Cached }),
	text("labels", func(x *flat) string { return object(entryLabels(x.labels), len(x.labels)) }),
}, append(sideColumns("request", func(x *flat) *records.Message { return &x.Request }),
	sideColumns("response", func(x *flat) *records.Message { return &x.Response })...)...)

// sideColumns are those of the request or the response.
func sideColumns(side string, of func(*flat) *records.Message) []column {
	header := text(side+"_header", func(x *flat) string { return object(of(x).Header, len(of(x).Header)) })
	header.extra = true
	return []column{
		number(side+"_size", func(x *flat) int64 { return of(x).Size }),
		text(side+"_sha256", func(x *flat) string { sum := of(x).SHA256; return hex.EncodeToString(sum[:]) }),
		truth(side+"_truncated", func(x *flat) bool { return of(x).Truncated }),
		truth(side+"_omitted", func(x *flat) bool { return of(x).Omitted }),
		header,
		{name: side + "_body", zero: "", body: true, get: func(x *flat, b Bodies) any {
			body, _ := bodyText(of(x).Body, b)
			return body
		}},
		{name: side + "_body_encoding", zero: "", few: true, body: true, get: func(x *flat, b Bodies) any {
			_, encoding := bodyText(of(x).Body, b)
			return encoding
		}},
	}
}

func text(name string, get func(*flat) string) column {
	return column{name: name, zero: "", get: func(x *flat, _ Bodies) any { return get(x) }}
}

func few(name string, get func(*flat) string) column {
	c := text(name, get)
	c.few = true
	return c
}

func number(name string, get func(*flat) int64) column {
	return column{name: name, zero: int64(0), get: func(x *flat, _ Bodies) any { return get(x) }}
}

func truth(name string, get func(*flat) bool) column {
	return column{name: name, zero: false, get: func(x *flat, _ Bodies) any { return get(x) }}
}

func sourceName(s records.Source) string {
	if s == records.SourceGateway {
		return "gateway"
	}
	return string(s)
}

// object is a map or a list as JSON, empty when it is.
func object(m any, n int) string {
	if n == 0 {
		return ""
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // maps of texts, and labels that were checked, are always encoded
	}
	return string(b)
}
