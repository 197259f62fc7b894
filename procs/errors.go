package procs

import "errors"

// Errors of this package. They keep their identity across the wire: errors.Is works on what a Client returns.
var (
	ErrUnknownInstance = errors.New("no such instance")
	ErrInvalidSpec     = errors.New("invalid spec")
	ErrInvalidRequest  = errors.New("invalid request")
	ErrStale           = errors.New("about a process that runs no more")
	ErrNotRunning      = errors.New("not running")
	ErrRemoving        = errors.New("being removed; apply again when it is gone")
	ErrShuttingDown    = errors.New("the keeper is shutting down")
	ErrVersion         = errors.New("keeper and client share no protocol version")
	ErrLocked          = errors.New("another keeper runs on this data directory")
	ErrClosed          = errors.New("the connection to the keeper is closed")
	ErrUpgrade         = errors.New("no upgrade")
	ErrNotUp           = errors.New("the new program did not come up")
	ErrHandover        = errors.New("the keeper hands over to its next program; what was asked is done")
	ErrRefused         = errors.New("the daemon refuses to start; what it printed says why")
)

// codes names the errors that cross the wire.
var codes = map[string]error{
	"unknown_instance": ErrUnknownInstance,
	"invalid_spec":     ErrInvalidSpec,
	"invalid_request":  ErrInvalidRequest,
	"stale":            ErrStale,
	"not_running":      ErrNotRunning,
	"removing":         ErrRemoving,
	"shutting_down":    ErrShuttingDown,
	"version":          ErrVersion,
	"upgrade":          ErrUpgrade,
	"handover":         ErrHandover,
}

// RemoteError is an error the keeper answered. Code is "internal" for one without an identity.
type RemoteError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Error is the keeper's message.
func (e *RemoteError) Error() string { return e.Message }

// Unwrap gives the error its identity back.
func (e *RemoteError) Unwrap() error { return codes[e.Code] }

func remote(err error) *RemoteError {
	for code, known := range codes {
		if errors.Is(err, known) {
			return &RemoteError{Code: code, Message: err.Error()}
		}
	}
	return &RemoteError{Code: "internal", Message: err.Error()}
}
