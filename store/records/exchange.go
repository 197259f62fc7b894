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
	EndRefused       End = "refused"     // a rule of the gateway forbade it: size, rate, key, queue; no instance was asked, or not to the end
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

	Source Source            // who made the record; "" is the gateway
	Model  string            // the model that answered, where the service or the poster names it
	User   string            // whose request it was, where that is told
	Tags   map[string]string // free, at most MaxTags
	Cached bool              // answered by the gateway's cache; no instance was asked

	StartedAt time.Time
	FirstByte time.Duration // start → first response byte; 0 when there was none
	Duration  time.Duration // start → end
	End       End
	Error     string

	Request  Message
	Response Message

	// Indexed are values that searches find without reading the bodies. They are written and not read back.
	Indexed []Indexed
}

// Source says who made a record.
type Source string

// The gateway's own records have no source. A shadow record is of a copy of a live request, a replay record of a
// request that was recorded before and sent again.
const (
	SourceGateway Source = ""
	SourceIngest  Source = "ingest"
	SourceImport  Source = "import"
	SourceShadow  Source = "shadow"
	SourceReplay  Source = "replay"
)

// MaxTags is how many tags an exchange may have.
const MaxTags = 64

// Message is one side of an exchange. Size and SHA256 cover every byte that passed; Body holds the first
// bytes up to the cap, and Truncated says that there were more. A digest of zeros means that the body is not the
// original: something in it was masked, or it was withheld.
type Message struct {
	Header    http.Header
	Trailer   http.Header
	Size      int64
	SHA256    [32]byte
	Body      []byte
	Truncated bool
	Omitted   bool // bodies are not kept for this service, or were dropped under pressure
	Erased    bool // the body was removed later, on somebody's request

	Chunks []Chunk // of a streamed body, when each piece passed
	Frames []Frame // of a WebSocket; Body is their payloads, one after the other
	Parts  []Part  // of a multipart body
}

// MaxChunks is how many chunks, and how many frames, a message lists. The last one of a full list stands for all
// that came after the others.
const MaxChunks = 4096

// MaxParts is how many parts a message lists.
const MaxParts = 1000

// Chunk is one piece of a streamed body. At counts from the exchange's start, End is the number of the body's bytes
// that had passed with it.
type Chunk struct {
	At  time.Duration `json:"at_us"` // in microseconds when written
	End int64         `json:"end"`
}

// Frame is one WebSocket frame. Opcode has the reserved bits as they were on the wire: 0x41 is compressed text. Kept is how many bytes of its payload are in the body, Size how many passed.
type Frame struct {
	At     time.Duration `json:"at_us"` // in microseconds when written
	Opcode byte          `json:"opcode"`
	Final  bool          `json:"final"`
	Size   int64         `json:"size"`
	Kept   int64         `json:"kept"`
}

// Part is one part of a multipart body. Size and SHA256 cover all its bytes; Offset is where they begin in the body.
type Part struct {
	Name        string   `json:"name"`
	FileName    string   `json:"filename,omitempty"`
	ContentType string   `json:"content_type,omitempty"`
	Offset      int64    `json:"offset"`
	Size        int64    `json:"size"`
	SHA256      [32]byte `json:"-"`
}

// Ledger accounts for every exchange:
// Accepted = Recorded + the sum of Dropped + InFlight.
type Ledger struct {
	Accepted int64            `json:"accepted"`
	Recorded int64            `json:"recorded"`
	InFlight int64            `json:"in_flight"`
	Dropped  map[string]int64 `json:"dropped,omitempty"` // by reason: queue_full, disk, crash …
	NoBody   int64            `json:"no_body,omitempty"` // recorded, but without bodies, under pressure
	// Refused are requests that were answered 503 because they could not be recorded, by reason. Those refused before an
	// instance saw them were never accepted.
	Refused map[string]int64 `json:"refused,omitempty"`
	// Unlisted were accepted when the list of intents could not be written: had the daemon been killed, they would be missing
	// here.
	Unlisted int64 `json:"unlisted,omitempty"`
}

// Add adds another account to l. The maps of l are changed in place.
func (l *Ledger) Add(o Ledger) {
	l.Accepted += o.Accepted
	l.Recorded += o.Recorded
	l.InFlight += o.InFlight
	l.NoBody += o.NoBody
	l.Unlisted += o.Unlisted
	addCounts(&l.Dropped, o.Dropped)
	addCounts(&l.Refused, o.Refused)
}

func addCounts(sum *map[string]int64, more map[string]int64) {
	if len(more) > 0 && *sum == nil {
		*sum = make(map[string]int64, len(more))
	}
	for reason, n := range more {
		(*sum)[reason] += n
	}
}
