package api

import (
	"net/http"
	"time"

	"aictl/store/records"
)

// RecordList is the document of `GET /api/v1/records`, newest first. Next is empty on the last page.
type RecordList struct {
	SchemaVersion int        `json:"schemaVersion" enum:"1"`
	Records       []Record   `json:"records"`
	Next          string     `json:"next" doc:"Cursor of the next page; empty on the last one"`
	Warnings      []string   `json:"warnings,omitempty" doc:"Day files that could not be read"`
	Scanned       int64      `json:"scanned,omitempty" doc:"How many records were looked into for what an index does not tell"`
	UpTo          *time.Time `json:"up_to,omitempty" doc:"Set when a search has looked into as many records as one call may: the page may not be full, and goes on from this time with next"`
}

// Record is one recorded request/response pair without headers and bodies.
type Record struct {
	ID         string            `json:"id" doc:"UUIDv7: sorts by arrival"`
	Service    string            `json:"service"`
	Release    string            `json:"release"`
	Instance   string            `json:"instance" doc:"Empty when none was reached"`
	Session    string            `json:"session"`
	TraceID    string            `json:"trace_id"`
	Source     string            `json:"source,omitempty" enum:"ingest,import,shadow,replay" doc:"Who made the record; left out for the gateway"`
	Model      string            `json:"model,omitempty"`
	User       string            `json:"user,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	Cached     bool              `json:"cached,omitempty" doc:"Answered by the gateway's cache"`
	Method     string            `json:"method"`
	Path       string            `json:"path" doc:"As the instance saw it"`
	Status     int               `json:"status" doc:"0 when no answer was sent"`
	StartedAt  time.Time         `json:"started_at"`
	DurationMS float64           `json:"duration_ms"`
	End        string            `json:"end" enum:"complete,client_abort,upstream_abort,upstream_error,timeout,unavailable,shutdown,lost"`
	Request    RecordMessage     `json:"request"`
	Response   RecordMessage     `json:"response"`
}

// RecordMessage is one side of a record. Size and SHA256 cover every byte that passed.
type RecordMessage struct {
	Size      int64  `json:"size"`
	SHA256    string `json:"sha256" doc:"Hex"`
	Truncated bool   `json:"truncated" doc:"More bytes passed than were kept"`
	Erased    bool   `json:"erased,omitempty" doc:"The body was erased later, on somebody's request"`
}

// RecordDocument is the document of `GET /api/v1/records/{id}`.
type RecordDocument struct {
	SchemaVersion int           `json:"schemaVersion" enum:"1"`
	Record        RecordFull    `json:"record"`
	Labels        []RecordLabel `json:"labels,omitempty"`
}

// RecordFull is a record with its headers and bodies.
type RecordFull struct {
	ID          string            `json:"id"`
	Service     string            `json:"service"`
	Release     string            `json:"release"`
	Instance    string            `json:"instance"`
	Session     string            `json:"session"`
	TraceID     string            `json:"trace_id"`
	Source      string            `json:"source,omitempty" enum:"ingest,import,shadow,replay" doc:"Who made the record; left out for the gateway"`
	Model       string            `json:"model,omitempty"`
	User        string            `json:"user,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Cached      bool              `json:"cached,omitempty" doc:"Answered by the gateway's cache"`
	Method      string            `json:"method"`
	Path        string            `json:"path"`
	Query       string            `json:"query"`
	Remote      string            `json:"remote" doc:"Client address"`
	Status      int               `json:"status"`
	StartedAt   time.Time         `json:"started_at"`
	FirstByteMS float64           `json:"first_byte_ms" doc:"Start to first response byte; 0 when there was none"`
	DurationMS  float64           `json:"duration_ms"`
	End         string            `json:"end"`
	Error       string            `json:"error"`
	Request     RecordMessageFull `json:"request"`
	Response    RecordMessageFull `json:"response"`
}

// The encodings of a recorded body.
const (
	BodyText   = "text"   // Body is the body itself, valid UTF-8
	BodyBase64 = "base64" // Body is the body in standard base64
)

// RecordMessageFull is one side of a record with its header and body.
type RecordMessageFull struct {
	Header       http.Header `json:"header"`
	Size         int64       `json:"size"`
	SHA256       string      `json:"sha256"`
	Truncated    bool        `json:"truncated"`
	Omitted      bool        `json:"omitted" doc:"Bodies are not kept for this service, or were dropped under pressure"`
	Erased       bool        `json:"erased,omitempty" doc:"The body was erased later, on somebody's request"`
	Body         string      `json:"body"`
	BodyEncoding string      `json:"body_encoding" enum:"text,base64"`

	Trailer http.Header   `json:"trailer,omitempty"`
	Chunks  []RecordChunk `json:"chunks,omitempty" doc:"Of a body that streamed: when each piece passed"`
	Frames  []RecordFrame `json:"frames,omitempty" doc:"Of a WebSocket; the body is their payloads, one after the other"`
	Parts   []RecordPart  `json:"parts,omitempty" doc:"Of a multipart body"`
}

// RecordStats is the document of `GET /api/v1/records/stats`: the sums of what is selected, and what the recorder has
// accounted for in all runs of the daemon. Bytes are those of all bodies that passed, kept or not.
type RecordStats struct {
	SchemaVersion int   `json:"schemaVersion" enum:"1"`
	Records       int64 `json:"records"`
	Bytes         int64 `json:"bytes"`
	RecordSum
	Days     []RecordDay      `json:"days" doc:"Oldest first; days without records are left out"`
	Services map[string]int64 `json:"services" doc:"Records by service"`
	Statuses map[int]int64    `json:"statuses" doc:"Records by status; 0 is no answer"`
	Ends     map[string]int64 `json:"ends" doc:"Records by how they ended"`
	By       string           `json:"by,omitempty" doc:"What groups are of"`
	Groups   []RecordGroup    `json:"groups" doc:"The largest first; hours, days and statuses in their order"`
	Warnings []string         `json:"warnings" doc:"Day files that could not be read, and what was not counted"`
	Ledger   records.Ledger   `json:"ledger"`
}

// RecordSum is what is counted of some records.
type RecordSum struct {
	Errors        int64       `json:"errors" doc:"No answer, or a status of 400 and above"`
	RequestBytes  int64       `json:"request_bytes"`
	ResponseBytes int64       `json:"response_bytes"`
	Duration      Percentiles `json:"duration_ms"`
	FirstByte     Percentiles `json:"first_byte_ms" doc:"Of those that got an answer"`
}

// Percentiles are milliseconds, within 1.6 %; max is exact.
type Percentiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// RecordGroup sums up the records with one key.
type RecordGroup struct {
	Key     string `json:"key"`
	Records int64  `json:"records"`
	RecordSum
}

// RecordDay is one day, in UTC.
type RecordDay struct {
	Day     string `json:"day" example:"2026-11-21"`
	Records int64  `json:"records"`
	Bytes   int64  `json:"bytes"`
}

// LogsQuery selects log lines. With Follow the stream goes on until ctx ends.
type LogsQuery struct {
	Services []string // names, globs or @group
	Instance string   // "ocr/1"; empty is every instance
	Lines    int      // last n lines; 0 takes the server's default, -1 is all
	Since    time.Time
	Grep     string // RE2 regular expression
	Stream   string // "stdout", "stderr" or "" for both
	Follow   bool
}
