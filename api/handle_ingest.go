package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"

	"aictl/interchange"
	"aictl/store/records"
)

// maxPosted is how many records one post may have.
const maxPosted = 10000

type postRecordsInput struct {
	Source  string `query:"source" enum:"ingest,import" default:"ingest" doc:"import: unknown fields are passed over"`
	Service string `query:"service" maxLength:"63" doc:"Replaces the service of every record"`
	DryRun  bool   `query:"dry_run" doc:"Check everything and store nothing"`
}

// postRecordsRoute registers the one call whose body is read while it is worked on: it may be long.
func (s *Server) postRecordsRoute(path, tag string) {
	op := operation(http.MethodPost, Prefix+path, tag, "postRecords", "Store pairs that did not pass the gateway; answered once they are durable")
	schemas := s.api.OpenAPI().Components.Schemas
	one := schemas.Schema(reflect.TypeFor[PostedRecord](), true, "")
	many := &huma.Schema{OneOf: []*huma.Schema{one, {Type: huma.TypeArray, Items: one}}}
	answer := map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(reflect.TypeFor[PostReceipt](), true, "")}}
	op.Responses = map[string]*huma.Response{"200": {Description: "All are stored", Content: answer}}
	huma.Register(s.api, op, func(ctx context.Context, in *postRecordsInput) (*lines, error) {
		return &lines{Body: func(hc huma.Context) {
			c := humagin.Unwrap(hc)
			s.postRecords(ctx, in, c.Writer, c.Request)
		}}, nil
	})
	// Told before, the library would read the body whole.
	known := s.api.OpenAPI().Paths[op.Path].Post
	known.Responses["207"] = &huma.Response{Description: "Some are rejected: see rejected", Content: answer}
	known.RequestBody = &huma.RequestBody{Required: true, Description: "A record, an array of records, or one a line; Content-Encoding may be gzip or zstd",
		Content: map[string]*huma.MediaType{"application/json": {Schema: many}, "application/x-ndjson": {Schema: one}}}
}

// postRecords reads, checks and stores record by record.
func (s *Server) postRecords(ctx context.Context, in *postRecordsInput, w http.ResponseWriter, r *http.Request) {
	receipt, err := s.takePosted(ctx, in, w, r)
	if err != nil {
		s.refusePost(w, err)
		return
	}
	out := PostReceipt{SchemaVersion: SchemaVersion, Receipt: receipt, Warnings: s.retentionWarnings(receipt.Oldest.Time)}
	status := http.StatusOK
	if len(receipt.Rejected) > 0 || receipt.Broken != "" {
		status = http.StatusMultiStatus
	}
	if receipt.Broken != "" { // what follows in the body is not read
		w.Header().Set("Connection", "close")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := newLineEncoder(w).Encode(out); err != nil {
		s.log.Debug("answer was not taken", "error", err)
	}
}

func (s *Server) takePosted(ctx context.Context, in *postRecordsInput, w http.ResponseWriter, r *http.Request) (receipt interchange.Receipt, err error) {
	asLines, err := linesOrDocument(r.Header.Get("Content-Type"))
	if err != nil {
		return receipt, err
	}
	body, err := s.openPost(w, r)
	if err != nil {
		return receipt, err
	}
	defer body.close()
	rules := interchange.Rules{Source: records.Source(in.Source), Service: in.Service, Now: s.deps.Now(), Lenient: in.Source == string(records.SourceImport)}
	if !rules.Lenient {
		rules.TraceParent, rules.Remote = r.Header.Get("Traceparent"), r.RemoteAddr
	}
	to := s.deps.Ingest
	if in.DryRun {
		to = dryStore{to}
	}
	intake := interchange.NewIntake(to, rules, maxPosted)
	take := func(item interchange.Item) error { return intake.Take(ctx, item) }
	single := false
	if asLines {
		err = interchange.Lines(body, take)
	} else {
		single, err = interchange.Array(body, take)
	}
	if receipt, err = intake.Finish(ctx, body.explain(err)); err == nil {
		err = refusal(receipt, single)
	}
	return receipt, err
}

// refusal answers a post of which nothing was taken as what it is: a bad request.
func refusal(r interchange.Receipt, single bool) error {
	switch {
	case len(r.IDs) == 0 && r.Broken != "":
		return problem(http.StatusBadRequest, CodeInvalid, r.Broken)
	case single && len(r.Rejected) == 1:
		p := problem(http.StatusUnprocessableEntity, CodeInvalid, "the record is not taken: "+r.Rejected[0].Reason)
		p.Errors = []FieldError{{Path: "body", Message: r.Rejected[0].Reason}}
		return p
	}
	return nil
}

// refusePost tells when to come back where that helps.
func (s *Server) refusePost(w http.ResponseWriter, err error) {
	var p *Error
	switch {
	case errors.As(err, &p):
	case errors.Is(err, records.ErrNoRoom):
		w.Header().Set("Retry-After", "1")
		p = problem(http.StatusServiceUnavailable, CodeUnavailable, err.Error()+": send it again in a second; records that have ids are not stored twice")
	case errors.Is(err, records.ErrNotCommitted):
		w.Header().Set("Retry-After", "5")
		p = problem(http.StatusServiceUnavailable, CodeUnavailable, err.Error()+": see the daemon's log, and send it again; records that have ids are not stored twice")
	default:
		p = s.problemOf(err)
	}
	w.Header().Set("Connection", "close") // the rest of the body is not read
	s.refuse(w, p)
}

// retentionWarnings tells that records of long ago will not stay.
func (s *Server) retentionWarnings(oldest time.Time) []string {
	keep := s.deps.Retention()
	if keep <= 0 || oldest.IsZero() || s.deps.Now().Sub(oldest) < keep {
		return nil
	}
	return []string{fmt.Sprintf("the oldest of these records began on %s, and records are kept for %d days: the next clean-up removes it; set recorder.retention higher to keep it",
		oldest.UTC().Format(time.DateOnly), int(keep.Hours()/24))}
}

// dryStore knows what is stored, and stores nothing.
type dryStore struct{ interchange.Store }

// Label implements interchange.Store.
func (dryStore) Label(context.Context, string, []records.Label) error { return nil }

// Post implements interchange.Store.
func (d dryStore) Post(ctx context.Context, xs []*records.Exchange) ([]error, error) {
	fates := make([]error, len(xs))
	for i, x := range xs {
		known, err := d.Known(ctx, x.ID)
		if err != nil {
			return nil, err
		}
		if known {
			fates[i] = records.ErrStored
		}
	}
	return fates, nil
}
