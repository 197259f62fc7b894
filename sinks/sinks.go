// Package sinks carries records on to a database or a message queue of somebody else: every record at least once, in the
// order it was committed, from a cursor that survives the program. The record's id makes a second delivery harmless.
package sinks

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"aictl/configs"
	"aictl/store/records"
)

// ErrRefused is wrapped by a Target for data that it will never take, however often it is offered: too large, for one. The
// records before and after it are delivered without it.
var ErrRefused = errors.New("the sink refuses the data")

// Config is one sink.
type Config struct {
	Name     string   // unique; the cursor is kept under it
	URL      string   // where to, with the password
	Services []string // names or globs; all without any
	Bodies   string   // BodiesFull, BodiesReference or BodiesNone
	MaxBody  int64    // bytes; a longer body is delivered by reference
	From     string   // FromBeginning or FromNow: where a sink without a cursor starts
	Batch    int      // records in one write
}

// What is delivered of bodies: they themselves, where they can be fetched, or nothing.
const (
	BodiesFull      = "full"
	BodiesReference = "reference"
	BodiesNone      = "none"
)

// Where a new sink starts.
const (
	FromBeginning = "beginning"
	FromNow       = "now"
)

// Source is where records come from, in the order they were committed; *records.Archive is one.
type Source interface {
	// Follow returns up to limit records after a position, and the position after them.
	Follow(ctx context.Context, from records.Position, limit int) ([]records.Exchange, records.Position, error)
	// Behind counts the records after a position, by day; the days are the keys of a Position.
	Behind(ctx context.Context, from records.Position) (map[string]int64, error)
	// Latest is the position after the last record.
	Latest(ctx context.Context) (records.Position, error)
}

// Cursor is how far a sink has come. It is kept with every batch.
type Cursor struct {
	Position records.Position `json:"position"`
	Sent     int64            `json:"sent"`   // records delivered since the sink is known
	Missed   int64            `json:"missed"` // records that the retention removed before they were delivered
}

// Cursors keeps a cursor for each name durably. Load returns nil for a name without one.
type Cursors interface {
	LoadSink(ctx context.Context, name string) (*Cursor, error)
	SaveSink(ctx context.Context, name string, c Cursor) error
}

// Target is the far end of a sink. Its methods are called by one goroutine.
type Target interface {
	// Prepare connects, and creates or migrates what is needed to write. It may be called again after any error.
	Prepare(ctx context.Context) error
	// Write delivers records. When it returns nil all are durable there; after an error the same ones are offered again, and
	// those that are there already must not be doubled.
	Write(ctx context.Context, batch []*Record) error
	Close() error
}

// Record is an exchange as it is delivered.
type Record struct {
	*records.Exchange
	Request, Response Body
}

// Body is what is delivered of one side's body. Ref is where it can be fetched when Data is withheld for its length.
type Body struct {
	Data  []byte
	State string
	Ref   string
}

// The states of a delivered body. Only a full one has the digest that the record names.
const (
	StateFull      = "full"
	StateMasked    = "masked"    // values in it are masked
	StateTruncated = "truncated" // its end is missing
	StateOmitted   = "omitted"   // it was not recorded
	StateErased    = "erased"    // it was removed from the record
	StateReference = "reference" // fetch it from Ref
	StateNone      = "none"      // the sink wants none
)

// record turns an exchange into what the sink is to have.
func (c Config) record(x *records.Exchange) *Record {
	return &Record{Exchange: x, Request: c.body(x.ID, "request", &x.Request), Response: c.body(x.ID, "response", &x.Response)}
}

func (c Config) body(id, side string, m *records.Message) Body {
	switch {
	case m.Erased:
		return Body{State: StateErased}
	case m.Omitted:
		return Body{State: StateOmitted}
	case c.Bodies == BodiesNone:
		return Body{State: StateNone}
	case len(m.Body) > 0 && (c.Bodies == BodiesReference || int64(len(m.Body)) > c.MaxBody):
		return Body{State: StateReference, Ref: reference(id, side)}
	case m.Truncated:
		return Body{Data: m.Body, State: StateTruncated}
	case m.SHA256 == [32]byte{}:
		return Body{Data: m.Body, State: StateMasked}
	}
	return Body{Data: m.Body, State: StateFull}
}

// byReference is the record without its bodies, for a target that refuses them.
func (r *Record) byReference() *Record {
	out := *r
	for _, b := range []struct {
		body *Body
		side string
	}{{&out.Request, "request"}, {&out.Response, "response"}} {
		if len(b.body.Data) > 0 {
			*b.body = Body{State: StateReference, Ref: reference(r.ID, b.side)}
		}
	}
	return &out
}

// reference is the place of a body in the API.
func reference(id, side string) string { return "/api/v1/records/" + id + "#" + side }

// wants reports whether the sink is for a service.
func (c Config) wants(service string) bool {
	return len(c.Services) == 0 || configs.MatchesAny(c.Services, service)
}

// Masked is the sink's address without what is secret in it: the password, and parameters that may hold one.
func Masked(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "an address that cannot be read"
	}
	if u.User != nil {
		if _, has := u.User.Password(); has {
			u.User = url.UserPassword(u.User.Username(), "********")
		}
	}
	q := u.Query()
	for name := range q {
		if lower := strings.ToLower(name); strings.Contains(lower, "pass") || strings.Contains(lower, "secret") || strings.Contains(lower, "token") {
			q.Set(name, "********")
		}
	}
	u.RawQuery = strings.ReplaceAll(q.Encode(), "%2A", "*")
	return strings.ReplaceAll(u.String(), "%2A", "*")
}

// withoutSecrets takes the address and its password out of an error's text: drivers quote what they were given.
func withoutSecrets(err error, address string) string {
	text := err.Error()
	u, parseErr := url.Parse(address)
	if parseErr != nil {
		return text
	}
	text = strings.ReplaceAll(text, address, Masked(address))
	if u.User == nil {
		return text
	}
	if password, has := u.User.Password(); has && password != "" {
		text = strings.ReplaceAll(text, password, "********")
		text = strings.ReplaceAll(text, url.QueryEscape(password), "********")
	}
	return text
}

// Opener makes the target of a sink. It does not connect.
type Opener func(Config) (Target, error)

// State is what a sink is doing.
type State string

// The states of a sink. A stuck one has met a record that it cannot deliver in any form; it goes on trying.
const (
	StateStarting State = "starting"
	StateIdle     State = "idle" // everything is delivered
	StateSending  State = "sending"
	StateRetrying State = "retrying"
	StateStuck    State = "stuck"
	StateStopped  State = "stopped"
)

// Status is a sink as it is right now.
type Status struct {
	Name       string
	URL        string // masked
	State      State
	Sent       int64     // delivered since the sink is known
	Missed     int64     // gone by retention before they were delivered
	Behind     int64     // committed and not yet delivered, of all services
	OldestAt   time.Time // when the first undelivered record started; zero when there is none
	LastSentAt time.Time // of this program's run
	Error      string    // of the last attempt, "" after a success
	ErrorAt    time.Time
	RetryAt    time.Time // of the next attempt, in state retrying or stuck
	Attempts   int       // failed ones in a row
}

// ErrUnknown is a sink that is not configured.
var ErrUnknown = errors.New("no such sink; `aictl sinks` lists them")

func unknown(name string) error { return fmt.Errorf("sink %q: %w", name, ErrUnknown) }
