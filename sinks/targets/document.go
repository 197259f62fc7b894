package targets

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"
	"unicode/utf8"

	"aictl/sinks"
	"aictl/store/records"
)

// message is the value of a Kafka message.
type message struct {
	SchemaVersion int               `json:"schemaVersion"`
	ID            string            `json:"id"`
	Service       string            `json:"service"`
	Release       string            `json:"release"`
	Instance      string            `json:"instance"`
	Source        records.Source    `json:"source"`
	Session       string            `json:"session"`
	User          string            `json:"user"`
	Model         string            `json:"model"`
	TraceID       string            `json:"trace_id"`
	Method        string            `json:"method"`
	Path          string            `json:"path"`
	Query         string            `json:"query"`
	Remote        string            `json:"remote"`
	Status        int               `json:"status"`
	StartedAt     time.Time         `json:"started_at"`
	FirstByteUS   int64             `json:"first_byte_us"`
	DurationUS    int64             `json:"duration_us"`
	End           records.End       `json:"end"`
	Error         string            `json:"error"`
	Cached        bool              `json:"cached"`
	Tags          map[string]string `json:"tags,omitempty"`
	Request       side              `json:"request"`
	Response      side              `json:"response"`
}

// side is one of a record's. Encoding is "text" or "base64"; SHA256 is "" when the body is not the original.
type side struct {
	Header   http.Header `json:"header,omitempty"`
	Size     int64       `json:"size"`
	SHA256   string      `json:"sha256"`
	State    string      `json:"state"`
	Ref      string      `json:"ref,omitempty"`
	Body     string      `json:"body,omitempty"`
	Encoding string      `json:"body_encoding,omitempty"`
}

// document writes a record as JSON.
func document(r *sinks.Record) ([]byte, error) {
	return json.Marshal(message{
		SchemaVersion: 1, ID: r.ID, Service: r.Service, Release: r.Release, Instance: r.Instance, Source: r.Source, Session: r.Session,
		User: r.User, Model: r.Model, TraceID: r.TraceID, Method: r.Method, Path: r.Path, Query: r.Query, Remote: r.Remote, Status: r.Status,
		StartedAt: r.StartedAt.UTC(), FirstByteUS: r.FirstByte.Microseconds(), DurationUS: r.Duration.Microseconds(), End: r.End, Error: r.Error,
		Cached: r.Cached, Tags: r.Tags,
		Request:  sideOf(&r.Exchange.Request, r.Request),
		Response: sideOf(&r.Exchange.Response, r.Response),
	})
}

func sideOf(m *records.Message, b sinks.Body) side {
	s := side{Header: m.Header, Size: m.Size, SHA256: hex.EncodeToString(digest(m.SHA256)), State: b.State, Ref: b.Ref}
	switch {
	case len(b.Data) == 0:
	case utf8.Valid(b.Data):
		s.Body, s.Encoding = string(b.Data), "text"
	default:
		s.Body, s.Encoding = base64.StdEncoding.EncodeToString(b.Data), "base64"
	}
	return s
}
