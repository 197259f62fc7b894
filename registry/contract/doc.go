// Package contract compares what two releases of a service promise their callers: OpenAPI documents (3.0 and 3.1) and answers of
// /info. Its functions are pure, and what they read and how far they look is bounded: documents come from services.
package contract

// Level says what a change means for callers that were written for the old release.
type Level string

// The levels, the worst first.
const (
	Breaks   Level = "breaks"    // a call that was good fails, or an answer lacks what was promised
	MayBreak Level = "may-break" // some callers may stumble: a new value among the known ones, another pattern
	Harmless Level = "harmless"
)

// Kind says what happened.
type Kind string

// The kinds of changes. A field is a property of a body; a parameter is in the path, the query, a header or a cookie.
const (
	OperationRemoved Kind = "operation-removed"
	OperationAdded   Kind = "operation-added"
	ParameterRemoved Kind = "parameter-removed"
	ParameterAdded   Kind = "parameter-added"
	FieldRemoved     Kind = "field-removed"
	FieldAdded       Kind = "field-added"
	NewRequired      Kind = "new-required"    // a request must have what it did not know
	BecameRequired   Kind = "became-required" // a request must have what it could leave out
	BecameOptional   Kind = "became-optional" // an answer may lack what it always had
	TypeChanged      Kind = "type"
	EnumChanged      Kind = "enum"
	BoundsChanged    Kind = "bounds" // lengths, ranges and patterns
	FormatChanged    Kind = "format"
	Closed           Kind = "closed" // fields that are not known are refused now
	MediaRemoved     Kind = "media-removed"
	MediaAdded       Kind = "media-added"
	BodyRemoved      Kind = "body-removed"
	StatusRemoved    Kind = "status-removed"
	StatusAdded      Kind = "status-added"
	AuthRequired     Kind = "auth-required"
	InfoChanged      Kind = "info"
	NotDescribed     Kind = "not-described" // there is no document any more
)

// Change is one difference. Where is the part of the operation: "request", "response 200", "query limit". Path leads to
// the value within it, "$.items[*].id"; Old and New are short texts of what was and what is.
type Change struct {
	Level     Level  `json:"level" enum:"breaks,may-break,harmless"`
	Kind      Kind   `json:"kind"`
	Operation string `json:"operation,omitempty"` // "POST /predict"
	Where     string `json:"where,omitempty"`
	Path      string `json:"path,omitempty"`
	Old       string `json:"old,omitempty"`
	New       string `json:"new,omitempty"`
	Text      string `json:"text"` // one sentence for people
}

// Report is a comparison. Changes are in the order of operations, the worst first within each; Cut says that there were more, or
// more to look at, than the bounds allow.
type Report struct {
	Changes []Change `json:"changes"`
	Cut     bool     `json:"cut,omitempty"`
}

// Worst is the worst level of the changes, Harmless without any.
func (r Report) Worst() Level {
	worst := Harmless
	for _, c := range r.Changes {
		if c.Level == Breaks {
			return Breaks
		}
		if c.Level == MayBreak {
			worst = MayBreak
		}
	}
	return worst
}

// Count is how many changes are of a level.
func (r Report) Count(l Level) (n int) {
	for _, c := range r.Changes {
		if c.Level == l {
			n++
		}
	}
	return n
}
