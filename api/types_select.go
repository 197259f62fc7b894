package api

import (
	"net/url"
	"time"
)

// RecordsInput are the parameters that select records. Every call that works on a selection embeds it; selection gives
// the archive's filter.
type RecordsInput struct {
	Service     []string  `query:"service,explode" maxItems:"100" doc:"Name or glob; may be given many times"`
	Release     string    `query:"release" maxLength:"100"`
	Instance    string    `query:"instance" maxLength:"120" example:"ocr/1"`
	Session     string    `query:"session" maxLength:"1000"`
	TraceID     string    `query:"trace_id" maxLength:"100"`
	User        string    `query:"user" maxLength:"1000"`
	Model       string    `query:"model" maxLength:"1000"`
	Tag         []string  `query:"tag,explode" maxItems:"64" doc:"KEY=VALUE, or KEY for any value; all of them must be there"`
	Source      []string  `query:"source,explode" enum:"gateway,ingest,import,shadow,replay" maxItems:"5" doc:"Who made the record"`
	Method      string    `query:"method" maxLength:"32"`
	Path        string    `query:"path" maxLength:"1000" doc:"Path as the instance saw it, or a glob (* and ?) over it"`
	Status      string    `query:"status" pattern:"^([1-5][0-9][0-9]|[1-5]xx|error|none)$" patternDescription:"a status (500), a class (5xx), error (no answer, or 400 and above), or none (no answer)"`
	End         string    `query:"end" enum:"complete,client_abort,upstream_abort,upstream_error,timeout,unavailable,shutdown,lost"`
	Since       time.Time `query:"since" doc:"Started at or after this time (RFC 3339)"`
	Until       time.Time `query:"until" doc:"Started before this time (RFC 3339)"`
	MinDuration string    `query:"min_duration" maxLength:"50" doc:"Took at least this long, such as 250ms or 2s"`
	MaxDuration string    `query:"max_duration" maxLength:"50" doc:"Took at most this long"`
	BodyHash    string    `query:"body_hash" pattern:"^[0-9a-fA-F]{64}$" patternDescription:"a SHA-256 in hex" doc:"Of either body"`
	Label       []string  `query:"label,explode" maxItems:"16" doc:"[NAME:]any, none, truth, truth=JSON, thumb=up, thumb=down, note or by=WHO, or a label's NAME; all of them must be so"`
	Where       string    `query:"where" maxLength:"4096" example:"$.result.score < 0.6" doc:"Condition on the JSON of the bodies: $.a is of the response, request.$.a of the request"`
}

// RecordsQuery selects records; zero fields select all. Limit 0 takes the server's default; calls that take no page
// leave Limit and Cursor out.
type RecordsQuery struct {
	Service     string // name or glob
	Release     string
	Instance    string
	Session     string
	TraceID     string
	User        string
	Model       string
	Tags        []string // "key=value", or "key" for any value
	Sources     []string // gateway, ingest, import, shadow, replay
	Method      string
	Path        string // whole, or a glob (* and ?)
	Status      string // "500", "5xx", "error" (no answer, or 400 and above) or "none"
	End         string
	Since       time.Time
	Until       time.Time
	MinDuration time.Duration
	MaxDuration time.Duration
	BodyHash    string   // SHA-256 of either body in hex
	Labels      []string // "up", "truth=spam", "NAME:thumb=up" …
	Where       string   // condition on the JSON of the bodies
	Limit       int
	Cursor      string
}

func (q RecordsQuery) values() url.Values {
	v := url.Values{}
	for _, kv := range [][2]string{
		{"service", q.Service}, {"release", q.Release}, {"instance", q.Instance}, {"session", q.Session},
		{"trace_id", q.TraceID}, {"user", q.User}, {"model", q.Model}, {"method", q.Method}, {"path", q.Path},
		{"status", q.Status}, {"end", q.End}, {"body_hash", q.BodyHash}, {"where", q.Where}, {"cursor", q.Cursor},
	} {
		set(v, kv[0], kv[1])
	}
	for _, tag := range q.Tags {
		v.Add("tag", tag)
	}
	for _, source := range q.Sources {
		v.Add("source", source)
	}
	for _, label := range q.Labels {
		v.Add("label", label)
	}
	setTime(v, "since", q.Since)
	setTime(v, "until", q.Until)
	setDuration(v, "min_duration", q.MinDuration)
	setDuration(v, "max_duration", q.MaxDuration)
	setInt(v, "limit", q.Limit)
	return v
}

func setDuration(v url.Values, key string, d time.Duration) {
	if d > 0 {
		v.Set(key, d.String())
	}
}
