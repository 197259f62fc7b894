package api

import (
	"fmt"
	"net/http"
	"strings"
)

// Error is an RFC 9457 problem document: what the server answers with any status of 400 and above, and what the
// client returns for it. Code is stable and meant for programs; Detail says what to do next.
type Error struct {
	Type     string       `json:"type" doc:"Always about:blank; code tells errors apart"`
	Title    string       `json:"title"`
	Status   int          `json:"status"`
	Code     string       `json:"code" doc:"Stable name of the error" example:"not_found"`
	Detail   string       `json:"detail" doc:"What happened and what to do next"`
	Instance string       `json:"instance,omitempty" doc:"Id under which the server logged it"`
	Errors   []FieldError `json:"errors,omitempty" doc:"For invalid input: every fault with its path"`
}

// FieldError is one fault of a request.
type FieldError struct {
	Path    string `json:"path" example:"body.replicas"`
	Message string `json:"message"`
}

// problem makes a problem document; the title is the status' own text.
func problem(status int, code, detail string) *Error {
	return &Error{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// Error is the detail, with the faults of invalid input.
func (e *Error) Error() string {
	if e.Detail == "" && len(e.Errors) == 0 {
		return fmt.Sprintf("server answered %d %s", e.Status, e.Title)
	}
	var b strings.Builder
	b.WriteString(e.Detail)
	for _, f := range e.Errors {
		fmt.Fprintf(&b, "\n  %s: %s", f.Path, f.Message)
	}
	return b.String()
}

// GetStatus is the HTTP status.
func (e *Error) GetStatus() int { return e.Status }

// ContentType names problem documents as such.
func (e *Error) ContentType(string) string { return "application/problem+json" }
