package api

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"time"
	"unicode/utf8"

	"aictl/store/records"
)

type recordIDInput struct {
	ID string `path:"id" maxLength:"100" doc:"Record id"`
}

type recordsInput struct {
	Service     []string  `query:"service,explode" maxItems:"100" doc:"Name or glob; may be given many times"`
	Release     string    `query:"release" maxLength:"100"`
	Instance    string    `query:"instance" maxLength:"120" example:"ocr/1"`
	Session     string    `query:"session" maxLength:"1000"`
	TraceID     string    `query:"trace_id" maxLength:"100"`
	Method      string    `query:"method" maxLength:"32"`
	Path        string    `query:"path" maxLength:"1000" doc:"Path as the instance saw it, or a glob (* and ?) over it"`
	Status      string    `query:"status" pattern:"^([1-5][0-9][0-9]|[1-5]xx|error)$" patternDescription:"a status (500), a class (5xx), or error (400 and above)"`
	End         string    `query:"end" enum:"complete,client_abort,upstream_abort,upstream_error,timeout,unavailable,shutdown,lost"`
	Since       time.Time `query:"since" doc:"Started at or after this time (RFC 3339)"`
	Until       time.Time `query:"until" doc:"Started before this time (RFC 3339)"`
	MinDuration string    `query:"min_duration" maxLength:"50" doc:"Took at least this long, such as 250ms or 2s"`
	Limit       int       `query:"limit" minimum:"1" maximum:"1000" default:"50" doc:"At most so many; a page may have fewer and still a next"`
	Cursor      string    `query:"cursor" maxLength:"200" doc:"next of the page before"`
}

func (s *Server) listRecords(ctx context.Context, in *recordsInput) (RecordList, error) {
	sel, err := in.selection()
	if err != nil {
		return RecordList{}, err
	}
	list, next, err := sel.list(ctx, s.deps.Records)
	return RecordList{SchemaVersion: SchemaVersion, Records: each(list, renderRecord), Next: next}, err
}

func (s *Server) getRecord(ctx context.Context, in *recordIDInput) (RecordDocument, error) {
	x, err := s.deps.Records.Get(ctx, in.ID)
	if err != nil {
		return RecordDocument{}, err
	}
	return RecordDocument{SchemaVersion: SchemaVersion, Record: renderRecordFull(x)}, nil
}

func (s *Server) recordStats(ctx context.Context, _ *struct{}) (RecordStats, error) {
	out, err := countRecords(ctx, s.deps.Records)
	out.SchemaVersion, out.Ledger = SchemaVersion, s.deps.Recorder.Ledger()
	return out, err
}

func renderRecord(x records.Exchange) Record {
	return Record{
		ID: x.ID, Service: x.Service, Release: x.Release, Instance: x.Instance, Session: x.Session, TraceID: x.TraceID,
		Method: x.Method, Path: x.Path, Status: x.Status, StartedAt: x.StartedAt, DurationMS: milliseconds(x.Duration),
		End: string(x.End), Request: renderMessage(x.Request), Response: renderMessage(x.Response),
	}
}

func renderMessage(m records.Message) RecordMessage {
	return RecordMessage{Size: m.Size, SHA256: hex.EncodeToString(m.SHA256[:]), Truncated: m.Truncated}
}

func renderRecordFull(x records.Exchange) RecordFull {
	return RecordFull{
		ID: x.ID, Service: x.Service, Release: x.Release, Instance: x.Instance, Session: x.Session, TraceID: x.TraceID,
		Method: x.Method, Path: x.Path, Query: x.Query, Remote: x.Remote, Status: x.Status, StartedAt: x.StartedAt,
		FirstByteMS: milliseconds(x.FirstByte), DurationMS: milliseconds(x.Duration), End: string(x.End), Error: x.Error,
		Request: renderMessageFull(x.Request), Response: renderMessageFull(x.Response),
	}
}

func renderMessageFull(m records.Message) RecordMessageFull {
	out := RecordMessageFull{
		Header: m.Header, Size: m.Size, SHA256: hex.EncodeToString(m.SHA256[:]), Truncated: m.Truncated,
		Omitted: m.Omitted, Body: string(m.Body), BodyEncoding: BodyText,
	}
	if out.Header == nil {
		out.Header = http.Header{}
	}
	if !utf8.Valid(m.Body) {
		out.Body, out.BodyEncoding = base64.StdEncoding.EncodeToString(m.Body), BodyBase64
	}
	return out
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
