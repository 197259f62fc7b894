// Package records keeps exchanges in one SQLite file a day under <data>/records.
package records

import (
	"net/http"
	"time"
)

// End is how an exchange ended.
type End string

// The ways an exchange can end. Lost is written after a crash for an exchange that was admitted and never recorded.
const (
	EndComplete      End = "complete"
	EndClientAbort   End = "client_abort"
	EndUpstreamAbort End = "upstream_abort"
	EndUpstreamError End = "upstream_error" // no answer was had: refused, reset before the head
	EndTimeout       End = "timeout"
	EndUnavailable   End = "unavailable" // no instance could serve; answered 503
	EndShutdown      End = "shutdown"
	EndLost          End = "lost"
)

// Exchange is one recorded request/response pair.
type Exchange struct {
	ID       string // UUIDv7, sorts by arrival
	Service  string
	Release  string
	Instance string // "" when none was reached
	Session  string
	TraceID  string // 32 hex digits, from traceparent or made here
	Method   string
	Path     string // as the instance saw it: without /ai/<service>
	Query    string
	Remote   string // client address
	Status   int    // 0 when no answer was sent

	StartedAt time.Time
	FirstByte time.Duration // start → first response byte; 0 when there was none
	Duration  time.Duration // start → end
	End       End
	Error     string

	Request  Message
	Response Message
}

// Message is one side of an exchange. Size and SHA256 cover every byte that passed; Body holds the first
// bytes up to the cap, and Truncated says that there were more.
type Message struct {
	Header    http.Header
	Size      int64
	SHA256    [32]byte
	Body      []byte
	Truncated bool
	Omitted   bool // bodies are not kept for this service, or were dropped under pressure
}

// Ledger accounts for every exchange since the daemon started:
// Accepted = Recorded + the sum of Dropped + InFlight.
type Ledger struct {
	Accepted int64            `json:"accepted"`
	Recorded int64            `json:"recorded"`
	InFlight int64            `json:"in_flight"`
	Dropped  map[string]int64 `json:"dropped,omitempty"` // by reason: queue_full, disk, redaction …
	NoBody   int64            `json:"no_body,omitempty"` // recorded, but without bodies, under pressure
}
