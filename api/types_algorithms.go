package api

import (
	"encoding/json"
	"time"
)

// AlgorithmList answers GET /algorithms.
type AlgorithmList struct {
	SchemaVersion int         `json:"schemaVersion" enum:"1"`
	Algorithms    []Algorithm `json:"algorithms" doc:"By name"`
}

// Algorithm is a service as the registry tells it.
type Algorithm struct {
	Service     string            `json:"service"`
	Title       string            `json:"title" doc:"Of its manifest; the service's name when that has none"`
	Description string            `json:"description"`
	Task        string            `json:"task"`
	Owner       string            `json:"owner"`
	Tags        []string          `json:"tags"`
	Interface   string            `json:"interface" enum:"warn,gate,off" doc:"What a deploy does about changes that break callers"`
	Source      Source            `json:"source"`
	Versions    int               `json:"versions" doc:"How many there were"`
	Live        *AlgorithmVersion `json:"live,omitempty" doc:"The version that serves; absent before the first"`
}

// AlgorithmVersion is one release of an algorithm, also when the release has been removed.
type AlgorithmVersion struct {
	Release    string            `json:"release"`
	Commit     string            `json:"commit"`
	Version    string            `json:"version" doc:"What the service calls itself in /info, or its OpenAPI document; may be empty"`
	CreatedAt  time.Time         `json:"created_at"`
	LiveAt     time.Time         `json:"live_at,omitzero" doc:"When it first became live; absent when it never did"`
	Live       bool              `json:"live"`
	Kept       bool              `json:"kept" doc:"The release can be rolled back to"`
	Operations int               `json:"operations" doc:"That its OpenAPI document describes"`
	ComparedTo string            `json:"compared_to" doc:"The release that was live when it was deployed; empty when there was nothing to compare with"`
	Breaking   int               `json:"breaking" doc:"Changes that break callers of compared_to"`
	Changes    []InterfaceChange `json:"changes" doc:"All changes since compared_to"`
}

// InterfaceChange is one difference between the interfaces of two releases.
type InterfaceChange struct {
	Level     string `json:"level" enum:"breaks,may-break,harmless" doc:"For callers that were written for the old release"`
	Kind      string `json:"kind" example:"new-required"`
	Operation string `json:"operation" example:"POST /predict"`
	Where     string `json:"where" example:"request"`
	Path      string `json:"path" example:"$.items[*].id"`
	Old       string `json:"old"`
	New       string `json:"new"`
	Text      string `json:"text" doc:"One sentence"`
}

// AlgorithmDocument is the document of one algorithm.
type AlgorithmDocument struct {
	SchemaVersion int                  `json:"schemaVersion" enum:"1"`
	Algorithm     Algorithm            `json:"algorithm"`
	History       []AlgorithmVersion   `json:"history" doc:"Versions, newest first"`
	Operations    []AlgorithmOperation `json:"operations" doc:"What callers can ask of the live version"`
	Info          json.RawMessage      `json:"info,omitempty" doc:"What the live version answered to GET /info when it was deployed"`
}

// AlgorithmOperation is one thing that callers can ask.
type AlgorithmOperation struct {
	Name    string `json:"name" example:"POST /predict"`
	Summary string `json:"summary"`
}

// AlgorithmInterface is what one version answered when it was deployed.
type AlgorithmInterface struct {
	SchemaVersion int             `json:"schemaVersion" enum:"1"`
	Service       string          `json:"service"`
	Release       string          `json:"release"`
	TakenAt       time.Time       `json:"taken_at"`
	Info          json.RawMessage `json:"info,omitempty" doc:"GET /info; absent when there was none"`
	OpenAPI       json.RawMessage `json:"openapi,omitempty" doc:"GET /openapi.json; absent when there was none"`
}

// AlgorithmDiff is what changed for callers between two versions.
type AlgorithmDiff struct {
	SchemaVersion int               `json:"schemaVersion" enum:"1"`
	Service       string            `json:"service"`
	From          AlgorithmVersion  `json:"from"`
	To            AlgorithmVersion  `json:"to"`
	Breaking      int               `json:"breaking"`
	Changes       []InterfaceChange `json:"changes" doc:"The worst first within each operation"`
	Cut           bool              `json:"cut" doc:"There is more than the bounds of a comparison allow"`
}

// AlgorithmsQuery selects algorithms; its zero value selects all.
type AlgorithmsQuery struct {
	Task, Owner, Tag, Text string
}
