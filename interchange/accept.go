package interchange

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"aictl/configs"
	"aictl/store/records"
)

// ErrRecord says that a record cannot be taken as it is; the text says which field, and what to do.
var ErrRecord = errors.New("record cannot be taken")

// aheadMax is how far in the future a record may start: more is a wrong clock or time zone.
const aheadMax = 10 * time.Minute

// Bounds of a record's texts, in bytes.
const (
	maxName  = 256
	maxText  = 1024
	maxLong  = 8 << 10
	maxIDLen = 512
)

// Rules are how records are taken.
type Rules struct {
	Source      records.Source
	Service     string    // replaces every record's service when it is not ""
	TraceParent string    // of the request that brought the records, for those without a trace
	Remote      string    // the poster's address, for records without one
	Now         time.Time // the start of records that have no time
	Lenient     bool      // unknown fields are passed over, as files of other versions have
}

// Accept reads one record and checks all of it. Every error is an ErrRecord.
func (r Rules) Accept(raw []byte) (*records.Exchange, error) {
	x, _, err := r.AcceptLabelled(raw)
	return x, err
}

// AcceptLabelled is Accept, with the labels that the record brings.
func (r Rules) AcceptLabelled(raw []byte) (*records.Exchange, []records.Label, error) {
	if !utf8.Valid(raw) {
		return nil, nil, fault("it is not UTF-8: send other bytes as a base64 body")
	}
	var rec Entry
	dec := json.NewDecoder(bytes.NewReader(raw))
	if !r.Lenient {
		dec.DisallowUnknownFields()
	}
	if err := dec.Decode(&rec); err != nil {
		return nil, nil, fault("%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if dec.More() {
		return nil, nil, fault("something follows the object: one record is one object")
	}
	labels, err := r.labels(&rec)
	if err != nil {
		return nil, nil, err
	}
	x, err := r.Exchange(&rec)
	return x, labels, err
}

// Exchange checks a record and makes an exchange of it.
func (r Rules) Exchange(rec *Entry) (*records.Exchange, error) {
	moved := r.Service != "" && rec.Service != "" && rec.Service != r.Service
	if r.Service != "" {
		rec.Service = r.Service
	}
	r.fillIn(rec)
	for _, check := range []func() error{rec.checkNames, rec.checkTexts, rec.checkNumbers} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	x := &records.Exchange{
		Service: rec.Service, Release: rec.Release, Instance: rec.Instance, Session: rec.Session, TraceID: rec.TraceID,
		Source: r.Source, Model: rec.Model, User: rec.User, Tags: rec.Tags, Cached: rec.Cached,
		Method: rec.Method, Path: rec.Path, Query: rec.Query, Remote: rec.Remote, Status: *rec.Status,
		FirstByte: fromMilliseconds(rec.FirstByteMS), Duration: fromMilliseconds(rec.DurationMS),
		End: records.End(rec.End), Error: rec.Error,
	}
	if err := r.identify(rec, x, moved); err != nil {
		return nil, err
	}
	if x.Duration == 0 && !rec.EndedAt.IsZero() {
		if x.Duration = rec.EndedAt.Sub(x.StartedAt); x.Duration < 0 {
			return nil, fault("ended_at: it lies before started_at")
		}
	}
	if err := rec.Request.message(&x.Request); err != nil {
		return nil, fault("request.%s", err)
	}
	if err := rec.Response.message(&x.Response); err != nil {
		return nil, fault("response.%s", err)
	}
	return x, nil
}

// fillIn sets what is absent.
func (r Rules) fillIn(rec *Entry) {
	preset := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	preset(&rec.Method, "POST")
	preset(&rec.Path, "/")
	preset(&rec.End, string(records.EndComplete))
	preset(&rec.Remote, r.Remote)
	if rec.TraceID == "" && rec.TraceParent == "" {
		rec.TraceParent = r.TraceParent
		if _, ok := traceOf(rec.TraceParent); !ok {
			rec.TraceParent = "" // a header of the transport is no fault of the record
		}
	}
	if rec.Status == nil {
		status := 200
		if rec.Error != "" {
			status = 500
		}
		rec.Status = &status
	}
}

func (rec *Entry) checkNames() error {
	if rec.Service == "" {
		return fault("service: it is missing: name what was called, such as \"ocr\"")
	}
	if !configs.ValidName(rec.Service) {
		return fault("service: %q cannot be a name: use up to 63 of a-z, 0-9 and -, with no - at either end", clip(rec.Service))
	}
	if rec.TraceID == "" && rec.TraceParent != "" {
		trace, ok := traceOf(rec.TraceParent)
		if !ok {
			return fault("traceparent: %q is not 00-<32 hex digits>-<16 hex digits>-<2 hex digits>", clip(rec.TraceParent))
		}
		rec.TraceID = trace
	}
	switch records.End(rec.End) {
	case records.EndComplete, records.EndClientAbort, records.EndUpstreamAbort, records.EndUpstreamError,
		records.EndTimeout, records.EndUnavailable, records.EndShutdown, records.EndLost:
		return nil
	}
	return fault("end: %q is none of complete, client_abort, upstream_abort, upstream_error, timeout, unavailable, shutdown, lost", clip(rec.End))
}

func (rec *Entry) checkTexts() error {
	for _, f := range []struct {
		name, text string
		most       int
	}{
		{"id", rec.ID, maxIDLen}, {"release", rec.Release, maxName}, {"instance", rec.Instance, maxName},
		{"session", rec.Session, maxText}, {"trace_id", rec.TraceID, maxName}, {"model", rec.Model, maxName}, {"user", rec.User, maxText},
		{"method", rec.Method, 32}, {"path", rec.Path, maxLong}, {"query", rec.Query, maxLong}, {"remote", rec.Remote, maxName},
		{"error", rec.Error, maxLong},
	} {
		if len(f.text) > f.most {
			return fault("%s: it has %d bytes: at most %d", f.name, len(f.text), f.most)
		}
	}
	if len(rec.Tags) > records.MaxTags {
		return fault("tags: there are %d: at most %d", len(rec.Tags), records.MaxTags)
	}
	for name, value := range rec.Tags {
		if name == "" || len(name) > 100 || len(value) > maxText {
			return fault("tags: %q: a name has 1 to 100 bytes, a value at most %d", clip(name), maxText)
		}
	}
	return nil
}

func (rec *Entry) checkNumbers() error {
	const longest = 366 * 24 * 3600 * 1000
	switch {
	case *rec.Status != 0 && (*rec.Status < 100 || *rec.Status > 999):
		return fault("status: %d is none: use 100 to 999, or 0 when there was no answer", *rec.Status)
	case !(rec.DurationMS >= 0 && rec.DurationMS <= longest):
		return fault("duration_ms: %v: use 0 to %d", rec.DurationMS, int64(longest))
	case !(rec.FirstByteMS >= 0 && rec.FirstByteMS <= longest):
		return fault("first_byte_ms: %v: use 0 to %d", rec.FirstByteMS, int64(longest))
	}
	return nil
}

// traceOf reads the trace id of a W3C traceparent.
func traceOf(text string) (string, bool) {
	parts := strings.Split(strings.TrimSpace(text), "-")
	if len(parts) < 4 || len(parts[0]) != 2 || parts[0] == "ff" || len(parts[1]) != 32 || len(parts[2]) != 16 || len(parts[3]) != 2 {
		return "", false
	}
	for _, p := range parts[:4] {
		if strings.Trim(p, "0123456789abcdef") != "" {
			return "", false
		}
	}
	return parts[1], strings.Trim(parts[1], "0") != ""
}

func fault(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrRecord}, args...)...)
}

// Reason is what a fault says without the words that all have.
func Reason(err error) string { return strings.TrimPrefix(err.Error(), ErrRecord.Error()+": ") }

func clip(text string) string {
	if len(text) <= 60 {
		return text
	}
	return strings.ToValidUTF8(text[:60], "") + "…"
}
