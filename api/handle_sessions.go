package api

import (
	"context"
	"time"
	"unicode/utf8"

	"aictl/store/records"
)

type sessionsInput struct {
	RecordsInput
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"50"`
	Cursor string `query:"cursor" maxLength:"2000" doc:"next of the page before"`
}

type sessionInput struct {
	ID        string    `path:"id" minLength:"1" maxLength:"1024" doc:"Session id"`
	Service   []string  `query:"service,explode" maxItems:"100" doc:"Name or glob; may be given many times"`
	Since     time.Time `query:"since" doc:"Started at or after this time (RFC 3339)"`
	Until     time.Time `query:"until" doc:"Started before this time (RFC 3339)"`
	BodyBytes int       `query:"body_bytes" minimum:"0" maximum:"1048576" default:"65536" doc:"Of each body at most so many bytes"`
	Follow    bool      `query:"follow" doc:"Go on with what comes"`
}

func microTime(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

func (s *Server) listSessions(ctx context.Context, in *sessionsInput) (SessionList, error) {
	f, err := in.selection()
	if err != nil {
		return SessionList{}, err
	}
	found, warnings, err := usualGathering.gather(ctx, s.deps.Records, f)
	if err != nil {
		return SessionList{}, err
	}
	page, next, err := pageOfSessions(found, in.Cursor, in.Limit)
	if warnings == nil {
		warnings = []string{}
	}
	return SessionList{SchemaVersion: SchemaVersion, Sessions: page, Next: next, Warnings: warnings}, err
}

const (
	followEvery = 500 * time.Millisecond
	// followBack is how long an exchange may take and still be seen by who follows: it is stored when it ends, and its
	// place is where it began.
	followBack = 30 * time.Minute
)

// session tells the records of one session in the order of their start; those that come while one follows in the order
// they are stored.
func (s *Server) session(ctx context.Context, in *sessionInput, send func(SessionLine) error) error {
	f := records.Filter{Session: in.ID, Services: in.Service, Since: in.Since, Until: in.Until, OldestFirst: true}
	told := toldRecords{}
	tell := func(x *records.Exchange) error {
		if told.mark(x) {
			return nil
		}
		return send(SessionLine{Record: renderRecordFull(abbreviate(*x, in.BodyBytes))})
	}
	if _, err := s.deps.Records.Each(ctx, f, tell); err != nil || !in.Follow {
		return err
	}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if told.newest.IsZero() {
			told.newest = s.deps.Now()
		}
		if back := told.newest.Add(-followBack); back.After(in.Since) {
			f.Since = back
		}
		if _, err := s.deps.Records.Each(ctx, f, tell); err != nil {
			return err
		}
		told.forget()
	}
}

// toldRecords are the ids of records that may come up again.
type toldRecords struct {
	at     map[string]time.Time
	newest time.Time
}

// mark reports whether the record was marked before.
func (t *toldRecords) mark(x *records.Exchange) bool {
	if _, ok := t.at[x.ID]; ok {
		return true
	}
	if t.at == nil {
		t.at = map[string]time.Time{}
	}
	t.at[x.ID] = x.StartedAt
	if x.StartedAt.After(t.newest) {
		t.newest = x.StartedAt
	}
	return false
}

// forget lets go of those that lie further back than anybody looks.
func (t *toldRecords) forget() {
	for id, at := range t.at {
		if at.Before(t.newest.Add(-followBack)) {
			delete(t.at, id)
		}
	}
}

// abbreviate cuts bodies; truncated then says that there is more.
func abbreviate(x records.Exchange, limit int) records.Exchange {
	for _, m := range []*records.Message{&x.Request, &x.Response} {
		if most := limit; len(m.Body) > most {
			for most > 0 && !utf8.RuneStart(m.Body[most]) {
				most-- // half a letter would make the text look like other bytes
			}
			m.Body, m.Truncated = m.Body[:most], true
		}
	}
	return x
}
