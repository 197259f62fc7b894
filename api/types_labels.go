package api

import (
	"encoding/json"
	"time"
)

// RecordLabels is the document of `GET /api/v1/records/{id}/labels`.
type RecordLabels struct {
	SchemaVersion int                 `json:"schemaVersion" enum:"1"`
	Labels        []RecordLabel       `json:"labels"`
	History       []RecordLabelChange `json:"history" doc:"Every change, oldest first: what the label was after it"`
}

// RecordLabel is what somebody says of a record.
type RecordLabel struct {
	Name  string          `json:"name"`
	Truth json.RawMessage `json:"truth,omitempty" doc:"The answer that would have been right, any JSON"`
	Thumb string          `json:"thumb,omitempty" enum:"up,down"`
	Note  string          `json:"note,omitempty"`
	By    string          `json:"by"`
	At    time.Time       `json:"at"`
}

// RecordLabelChange is one change of a label.
type RecordLabelChange struct {
	RecordLabel
	Removed bool `json:"removed,omitempty"`
}

// RecordLabelEdit changes a label: what is left out stays, what is empty (or null) is taken away.
type RecordLabelEdit struct {
	Truth *json.RawMessage `json:"truth,omitempty" doc:"Any JSON; null takes it away"`
	Thumb *string          `json:"thumb,omitempty" enum:"up,down,"`
	Note  *string          `json:"note,omitempty" maxLength:"4096"`
	By    string           `json:"by,omitempty" maxLength:"200" doc:"Who says so; else the caller"`
}

// RecordsLabelled says how many records a call has labelled.
type RecordsLabelled struct {
	SchemaVersion int   `json:"schemaVersion" enum:"1"`
	Labelled      int64 `json:"labelled"`
}
