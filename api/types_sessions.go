package api

import "time"

// SessionList is the document of `GET /api/v1/records/sessions`, the latest first. Next is empty on the last page.
type SessionList struct {
	SchemaVersion int             `json:"schemaVersion" enum:"1"`
	Sessions      []RecordSession `json:"sessions"`
	Next          string          `json:"next" doc:"Cursor of the next page; empty on the last one"`
	Warnings      []string        `json:"warnings" doc:"What was left out and why"`
}

// RecordSession sums up the records of one session.
type RecordSession struct {
	ID       string    `json:"id"`
	Records  int64     `json:"records"`
	Errors   int64     `json:"errors" doc:"No answer, or a status of 400 and above"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	Services []string  `json:"services" doc:"At most 20"`
	Users    []string  `json:"users" doc:"At most 20"`
	Models   []string  `json:"models" doc:"At most 20"`
}

// SessionLine is one line of `GET /api/v1/records/sessions/{id}`.
type SessionLine struct {
	Record RecordFull `json:"record"`
}

// SessionsQuery selects the records whose sessions are listed. Limit 0 takes the server's default.
type SessionsQuery = RecordsQuery
