package api

import "time"

// Key is an API key of services behind the gateway, without the key itself.
type Key struct {
	Name      string    `json:"name"`
	Service   string    `json:"service" doc:"Empty for all services"`
	Hint      string    `json:"hint" doc:"The key's last characters"`
	Rate      string    `json:"rate,omitempty" doc:"Requests that it may make, such as 100/1s; absent for no limit of its own"`
	Burst     int       `json:"burst,omitempty" doc:"How many of them may come at once"`
	Actor     string    `json:"actor" doc:"Who made it"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero" doc:"Absent when it does not expire"`
	Expired   bool      `json:"expired"`
}

// KeyList answers GET /keys.
type KeyList struct {
	SchemaVersion int   `json:"schemaVersion"`
	Keys          []Key `json:"keys" doc:"By name"`
}

// KeyRequest is the body of POST /keys.
type KeyRequest struct {
	Name      string    `json:"name" maxLength:"100" pattern:"^[A-Za-z0-9][A-Za-z0-9._@-]*$" patternDescription:"letters, digits and . _ @ -" doc:"Not taken by another key; it is in the records of the requests"`
	Service   string    `json:"service,omitempty" maxLength:"100" doc:"The service that it is for; empty with all"`
	All       bool      `json:"all,omitempty" doc:"It is for all services that ask for keys"`
	ExpiresAt time.Time `json:"expires_at,omitzero" doc:"Absent: it does not expire"`
	Rate      string    `json:"rate,omitempty" maxLength:"40" doc:"Requests that it may make, such as 100/s, 10/30s, 5000/1h"`
	Burst     int       `json:"burst,omitempty" minimum:"0" maximum:"10000000" doc:"How many of them may come at once; as many as the rate says when absent"`
}

// KeyCreated answers POST /keys.
type KeyCreated struct {
	SchemaVersion int    `json:"schemaVersion"`
	Key           Key    `json:"key"`
	Secret        string `json:"secret" doc:"The key itself. It is not kept and cannot be shown again"`
}

// KeyDocument answers the calls about one key.
type KeyDocument struct {
	SchemaVersion int `json:"schemaVersion"`
	Key           Key `json:"key"`
}
