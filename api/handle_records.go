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

// listRecordsInput is a page of a selection.
type listRecordsInput struct {
	RecordsInput
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"50"`
	Cursor string `query:"cursor" maxLength:"200" doc:"next of the page before"`
}

func (s *Server) listRecords(ctx context.Context, in *listRecordsInput) (RecordList, error) {
	f, err := in.selection()
	if err != nil {
		return RecordList{}, err
	}
	f.Limit, f.Cursor, f.ScanLimit = in.Limit, in.Cursor, scanLimit
	page, err := s.deps.Records.List(ctx, f)
	if err != nil {
		return RecordList{}, err
	}
	return RecordList{SchemaVersion: SchemaVersion, Records: each(page.Records, renderRecord), Next: page.Next, Warnings: page.Warnings,
		Scanned: page.Scanned, UpTo: upTo(page)}, nil
}

// scanLimit is how many records one page may look into, a second's worth or so.
const scanLimit = 100_000

// upTo is where a search has come to that looked into as many records as it may.
func upTo(page records.Page) *time.Time {
	if page.Scanned < scanLimit || page.Next == "" {
		return nil
	}
	return &page.UpTo
}

func (s *Server) getRecord(ctx context.Context, in *recordIDInput) (RecordDocument, error) {
	x, err := s.deps.Records.Get(ctx, in.ID)
	if err != nil {
		return RecordDocument{}, err
	}
	current, _, err := s.deps.Records.Labels(ctx, x.ID)
	return RecordDocument{SchemaVersion: SchemaVersion, Record: renderRecordFull(x), Labels: each(current, renderLabel)}, err
}

func renderRecord(x records.Exchange) Record {
	return Record{
		ID: x.ID, Service: x.Service, Release: x.Release, Instance: x.Instance, Session: x.Session, TraceID: x.TraceID,
		Source: string(x.Source), Model: x.Model, User: x.User, Tags: x.Tags, Cached: x.Cached,
		Method: x.Method, Path: x.Path, Status: x.Status, StartedAt: x.StartedAt, DurationMS: milliseconds(x.Duration),
		End: string(x.End), Request: renderMessage(x.Request), Response: renderMessage(x.Response),
	}
}

func renderMessage(m records.Message) RecordMessage {
	return RecordMessage{Size: m.Size, SHA256: hex.EncodeToString(m.SHA256[:]), Truncated: m.Truncated, Erased: m.Erased}
}

func renderRecordFull(x records.Exchange) RecordFull {
	return RecordFull{
		ID: x.ID, Service: x.Service, Release: x.Release, Instance: x.Instance, Session: x.Session, TraceID: x.TraceID,
		Source: string(x.Source), Model: x.Model, User: x.User, Tags: x.Tags, Cached: x.Cached,
		Method: x.Method, Path: x.Path, Query: x.Query, Remote: x.Remote, Status: x.Status, StartedAt: x.StartedAt,
		FirstByteMS: milliseconds(x.FirstByte), DurationMS: milliseconds(x.Duration), End: string(x.End), Error: x.Error,
		Request: renderMessageFull(x.Request), Response: renderMessageFull(x.Response),
	}
}

func renderMessageFull(m records.Message) RecordMessageFull {
	out := RecordMessageFull{
		Header: m.Header, Size: m.Size, SHA256: hex.EncodeToString(m.SHA256[:]), Truncated: m.Truncated,
		Omitted: m.Omitted, Erased: m.Erased, Body: string(m.Body), BodyEncoding: BodyText,
	}
	if out.Header == nil {
		out.Header = http.Header{}
	}
	if !utf8.Valid(m.Body) {
		out.Body, out.BodyEncoding = base64.StdEncoding.EncodeToString(m.Body), BodyBase64
	}
	renderStreams(&out, m)
	return out
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
