package api

import (
	"context"
	"encoding/hex"
	"net/http"
	"net/url"
	"time"

	"aictl/store/records"
)

// Custody keeps records as they were and takes away what has to go; *records.Archive is one.
type Custody interface {
	Verify(ctx context.Context, since, until time.Time) (records.Verdict, error)
	Seals(ctx context.Context) ([]records.Seal, error)
	Seal(ctx context.Context, now time.Time, today bool) ([]records.Seal, error)
	Erase(ctx context.Context, f records.Filter) (records.Erased, error)
}

// RecordVerdict is the document of `GET /api/v1/records/verify`.
type RecordVerdict struct {
	SchemaVersion int                `json:"schemaVersion" enum:"1"`
	Sound         bool               `json:"sound" doc:"Every record of these days is what was committed"`
	Days          []RecordDayVerdict `json:"days" doc:"Oldest first"`
}

// RecordDayVerdict is what was found of one day's records.
type RecordDayVerdict struct {
	Day     string     `json:"day" example:"2026-11-21"`
	Records int64      `json:"records" doc:"Erased ones included"`
	Erased  int64      `json:"erased" doc:"Without bodies and what tells a person, on somebody's request"`
	Removed int64      `json:"removed" doc:"By the retention of their service"`
	Sealed  int64      `json:"sealed" doc:"Up to which record the seals hold"`
	Head    string     `json:"head" doc:"Hash chain after the last record that is sound, hex"`
	Bad     *BadRecord `json:"bad,omitempty" doc:"The first record that is not what was committed"`
}

// BadRecord is a record that is not what was committed.
type BadRecord struct {
	Seq    int64  `json:"seq" doc:"Its number in the order of commits; 0 when the day as a whole is meant"`
	ID     string `json:"id" doc:"Empty when it cannot be read"`
	Reason string `json:"reason"`
}

// RecordSeals is the document of `GET /api/v1/records/seals`.
type RecordSeals struct {
	SchemaVersion int          `json:"schemaVersion" enum:"1"`
	Seals         []RecordSeal `json:"seals" doc:"By day and count"`
}

// RecordSeal says what the hash chain of a day was after so many records.
type RecordSeal struct {
	Day      string    `json:"day" example:"2026-11-21"`
	Count    int64     `json:"count"`
	Head     string    `json:"head" doc:"SHA-256 in hex"`
	SealedAt time.Time `json:"sealed_at"`
}

// RecordsErased is the document of `DELETE /api/v1/records`.
type RecordsErased struct {
	SchemaVersion int      `json:"schemaVersion" enum:"1"`
	Erased        int64    `json:"erased" doc:"Records that were whole before"`
	Bodies        int      `json:"bodies" doc:"Files of bodies that went with them"`
	Warnings      []string `json:"warnings,omitempty" doc:"What could not be looked into"`
}

type verifyInput struct {
	Since time.Time `query:"since" doc:"From the day of this time on (RFC 3339)"`
	Until time.Time `query:"until" doc:"Up to the day of this time"`
}

// custodyRoutes are the calls that keep and take away.
func (s *Server) custodyRoutes(tag string) {
	get(s, "/records/verify", tag, "verifyRecords", "Compare the records of some days with their hash chain and seals; it reads every one", s.verifyRecords)
	get(s, "/records/seals", tag, "listSeals", "The seals of days of records", s.listSeals)
	post(s, "/records/seal", tag, "sealRecords", "Seal every day as it is now, today's too", http.StatusOK, s.sealRecords)
	route(s, http.MethodDelete, Prefix+"/records", tag, "eraseRecords",
		"Erase the bodies of the records that are selected, and what tells a person; the rest and the hash chain stay", http.StatusOK, s.eraseRecords)
}

func (s *Server) verifyRecords(ctx context.Context, in *verifyInput) (RecordVerdict, error) {
	v, err := s.deps.Custody.Verify(ctx, in.Since, in.Until)
	return RecordVerdict{SchemaVersion: SchemaVersion, Sound: v.Sound, Days: each(v.Days, renderDayVerdict)}, err
}

func renderDayVerdict(d records.DayVerdict) RecordDayVerdict {
	out := RecordDayVerdict{Day: d.Day, Records: d.Records, Erased: d.Erased, Removed: d.Removed, Sealed: d.Sealed, Head: hex.EncodeToString(d.Head[:])}
	if d.Bad != nil {
		out.Bad = &BadRecord{Seq: d.Bad.Seq, ID: d.Bad.ID, Reason: d.Bad.Reason}
	}
	return out
}

func (s *Server) listSeals(ctx context.Context, _ *struct{}) (RecordSeals, error) {
	seals, err := s.deps.Custody.Seals(ctx)
	return RecordSeals{SchemaVersion: SchemaVersion, Seals: each(seals, renderSeal)}, err
}

func renderSeal(seal records.Seal) RecordSeal {
	return RecordSeal{Day: seal.Day, Count: seal.Count, Head: hex.EncodeToString(seal.Head[:]), SealedAt: seal.SealedAt}
}

func (s *Server) sealRecords(ctx context.Context, _ *struct{}) (RecordSeals, error) {
	if _, err := s.deps.Custody.Seal(ctx, s.deps.Now(), true); err != nil {
		return RecordSeals{}, err
	}
	return s.listSeals(ctx, nil)
}

type eraseInput struct {
	RecordsInput
	All bool `query:"all" doc:"Erase every record, when nothing else selects any"`
}

func (s *Server) eraseRecords(ctx context.Context, in *eraseInput) (RecordsErased, error) {
	f, err := in.selection()
	if err != nil {
		return RecordsErased{}, err
	}
	if f.Everything() && !in.All {
		return RecordsErased{}, invalid("query", "nothing is selected: say which records, or all=true for every one")
	}
	e, err := s.deps.Custody.Erase(ctx, f)
	return RecordsErased{SchemaVersion: SchemaVersion, Erased: e.Records, Bodies: e.Bodies, Warnings: e.Warnings}, err
}

// VerifyRecords compares records with their hash chain; zero times are without bound.
func (c *Client) VerifyRecords(ctx context.Context, since, until time.Time) (out RecordVerdict, err error) {
	v := url.Values{}
	setTime(v, "since", since)
	setTime(v, "until", until)
	return out, c.call(ctx, http.MethodGet, Prefix+"/records/verify", v, nil, &out)
}

// RecordSeals lists the seals of days.
func (c *Client) RecordSeals(ctx context.Context) (out RecordSeals, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/records/seals", nil, nil, &out)
}

// SealRecords seals every day as it is now.
func (c *Client) SealRecords(ctx context.Context) (out RecordSeals, err error) {
	return out, c.call(ctx, http.MethodPost, Prefix+"/records/seal", nil, struct{}{}, &out)
}

// EraseRecords erases what a query selects; all says that it may select everything.
func (c *Client) EraseRecords(ctx context.Context, query RecordsQuery, all bool) (out RecordsErased, err error) {
	v := query.values()
	if all {
		v.Set("all", "true")
	}
	return out, c.call(ctx, http.MethodDelete, Prefix+"/records", v, nil, &out)
}
