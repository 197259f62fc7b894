package interchange

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math"
	"net/http"
	"time"
	"unicode/utf8"

	"aictl/store/records"
)

// Entry is an exchange as a JSON object: what posters send and exports write. An exported record that is read again
// gives the same exchange.
type Entry struct {
	ID          string            `json:"id,omitempty" doc:"A UUIDv7, or any text that is unique within the service"`
	Service     string            `json:"service" doc:"Need not be a service that aictl runs"`
	Release     string            `json:"release,omitempty"`
	Instance    string            `json:"instance,omitempty"`
	Session     string            `json:"session,omitempty"`
	TraceID     string            `json:"trace_id,omitempty" doc:"32 hex digits"`
	TraceParent string            `json:"traceparent,omitempty" doc:"W3C traceparent, instead of trace_id"`
	Source      string            `json:"source,omitempty" doc:"Set by aictl"`
	Model       string            `json:"model,omitempty"`
	User        string            `json:"user,omitempty"`
	Tags        map[string]string `json:"tags,omitempty" doc:"At most 64"`
	Cached      bool              `json:"cached,omitempty"`
	Method      string            `json:"method,omitempty" doc:"POST when absent"`
	Path        string            `json:"path,omitempty" doc:"/ when absent"`
	Query       string            `json:"query,omitempty"`
	Remote      string            `json:"remote,omitempty"`
	Status      *int              `json:"status,omitempty" doc:"When absent 200, or 500 when there is an error"`
	StartedAt   Time              `json:"started_at,omitzero" doc:"RFC 3339, or seconds since 1970"`
	EndedAt     Time              `json:"ended_at,omitzero" doc:"Instead of duration_ms"`
	FirstByteMS float64           `json:"first_byte_ms,omitempty"`
	DurationMS  float64           `json:"duration_ms,omitempty"`
	End         string            `json:"end,omitempty" doc:"complete when absent"`
	Error       string            `json:"error,omitempty"`
	Request     EntrySide         `json:"request,omitzero"`
	Response    EntrySide         `json:"response,omitzero"`
	Labels      []EntryLabel      `json:"labels,omitempty"`
}

// EntryLabel is what somebody says of a record: the answer that would have been right, a thumb, a note.
type EntryLabel struct {
	Name  string          `json:"name,omitempty" doc:"main when absent"`
	Truth json.RawMessage `json:"truth,omitempty" doc:"Any JSON"`
	Thumb string          `json:"thumb,omitempty" enum:"up,down"`
	Note  string          `json:"note,omitempty"`
	By    string          `json:"by,omitempty"`
	At    Time            `json:"at,omitzero" doc:"Now when absent"`
}

// EntrySide is the request or the response of a Entry. Size and SHA256 are computed when they are absent.
type EntrySide struct {
	Header       Header          `json:"header,omitempty"`
	Trailer      Header          `json:"trailer,omitempty"`
	Size         *int64          `json:"size,omitempty" doc:"Bytes that passed, kept or not"`
	SHA256       string          `json:"sha256,omitempty" doc:"Hex, of all bytes that passed; zeros when they are not told"`
	Body         json.RawMessage `json:"body,omitempty" doc:"Text, or any JSON value"`
	BodyEncoding string          `json:"body_encoding,omitempty" enum:"text,base64,json" doc:"How a text body is meant; text when absent"`
	Truncated    bool            `json:"truncated,omitempty"`
	Omitted      bool            `json:"omitted,omitempty"`
	Erased       bool            `json:"erased,omitempty"`
	Chunks       []EntryChunk    `json:"chunks,omitempty"`
	Frames       []EntryFrame    `json:"frames,omitempty"`
	Parts        []EntryPart     `json:"parts,omitempty"`
}

// EntryChunk is when a piece of a streamed body passed, in microseconds after the start; End counts the body's bytes so far.
type EntryChunk struct {
	At  int64 `json:"at_us"`
	End int64 `json:"end"`
}

// EntryFrame is one WebSocket frame, At in microseconds after the start.
type EntryFrame struct {
	At     int64 `json:"at_us"`
	Opcode byte  `json:"opcode"`
	Final  bool  `json:"final"`
	Size   int64 `json:"size"`
	Kept   int64 `json:"kept"`
}

// EntryPart is one part of a multipart body.
type EntryPart struct {
	Name        string `json:"name,omitempty"`
	FileName    string `json:"filename,omitempty"`
	ContentType string `json:"content_type,omitempty"`
	Offset      int64  `json:"offset"`
	Size        int64  `json:"size"`
	SHA256      string `json:"sha256,omitempty"`
}

// Bodies says how an export writes bodies.
type Bodies string

// The ways to write bodies. BodiesText writes a body that is not UTF-8 in base64 and says so.
const (
	BodiesNone   Bodies = "none"
	BodiesText   Bodies = "text"
	BodiesBase64 Bodies = "base64"
)

// The encodings of a body.
const (
	encodingText   = "text"
	encodingBase64 = "base64"
	encodingJSON   = "json"
)

// Of renders an exchange.
func Of(x *records.Exchange, bodies Bodies) Entry {
	status := x.Status
	return Entry{
		ID: x.ID, Service: x.Service, Release: x.Release, Instance: x.Instance, Session: x.Session, TraceID: x.TraceID,
		Source: string(x.Source), Model: x.Model, User: x.User, Tags: x.Tags, Cached: x.Cached,
		Method: x.Method, Path: x.Path, Query: x.Query, Remote: x.Remote, Status: &status,
		StartedAt: Time{x.StartedAt}, FirstByteMS: milliseconds(x.FirstByte), DurationMS: milliseconds(x.Duration),
		End: string(x.End), Error: x.Error, Request: sideOf(&x.Request, bodies), Response: sideOf(&x.Response, bodies),
	}
}

func sideOf(m *records.Message, bodies Bodies) EntrySide {
	size := m.Size
	s := EntrySide{
		Header: Header(m.Header), Trailer: Header(m.Trailer), Size: &size, SHA256: hex.EncodeToString(m.SHA256[:]),
		Truncated: m.Truncated, Omitted: m.Omitted, Erased: m.Erased,
	}
	if text, encoding := bodyText(m.Body, bodies); text != "" {
		s.Body, s.BodyEncoding = quote(text), encoding
	}
	for _, c := range m.Chunks {
		s.Chunks = append(s.Chunks, EntryChunk{At: c.At.Microseconds(), End: c.End})
	}
	for _, f := range m.Frames {
		s.Frames = append(s.Frames, EntryFrame{At: f.At.Microseconds(), Opcode: f.Opcode, Final: f.Final, Size: f.Size, Kept: f.Kept})
	}
	for _, p := range m.Parts {
		s.Parts = append(s.Parts, EntryPart{Name: p.Name, FileName: p.FileName, ContentType: p.ContentType, Offset: p.Offset,
			Size: p.Size, SHA256: hex.EncodeToString(p.SHA256[:])})
	}
	return s
}

// bodyText is a body as an export writes it, and the encoding.
func bodyText(body []byte, bodies Bodies) (text, encoding string) {
	switch {
	case bodies == BodiesNone || len(body) == 0:
		return "", ""
	case bodies == BodiesBase64 || !utf8.Valid(body):
		return base64.StdEncoding.EncodeToString(body), encodingBase64
	}
	return string(body), encodingText
}

func quote(text string) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		panic(err) // a string is always encoded
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// milliseconds keeps a duration's microseconds, so that what is read again is the same.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func fromMilliseconds(ms float64) time.Duration {
	return time.Duration(math.Round(ms*1000)) * time.Microsecond
}

// Header is an http.Header whose values may also be single texts when read. Names stay as they came.
type Header http.Header

// UnmarshalJSON reads {"Name": "value"} and {"Name": ["value", "value"]}.
func (h *Header) UnmarshalJSON(b []byte) error {
	var many map[string]textOrTexts
	if err := json.Unmarshal(b, &many); err != nil {
		return err
	}
	if many == nil {
		return nil
	}
	*h = make(Header, len(many))
	for name, values := range many {
		(*h)[name] = values
	}
	return nil
}

type textOrTexts []string

func (t *textOrTexts) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		var one string
		err := json.Unmarshal(b, &one)
		*t = textOrTexts{one}
		return err
	}
	return json.Unmarshal(b, (*[]string)(t))
}
