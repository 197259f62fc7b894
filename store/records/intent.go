package records

import (
	"errors"
	"net/http"
	"time"
)

// Intent is what is known of an exchange when it is admitted, before anything is known of its answer.
type Intent struct {
	Service   string
	Method    string
	Path      string // as the instance sees it: without /ai/<service>
	TraceID   string // 32 hex digits
	StartedAt time.Time
	Header    http.Header // of the request, where its session may be named; only read
}

// Reasons why a request is answered by the recorder and not by an instance.
var (
	// ErrNoRoom says that the recorder has no memory for another exchange of a service that must not lose any.
	ErrNoRoom = errors.New("no memory for another record")
	// ErrNotCommitted says that the record of an exchange is not in the store, or not known to be.
	ErrNotCommitted = errors.New("the record could not be committed")
)
