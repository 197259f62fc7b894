package api

import "aictl/replay"

// ReplayRequest asks for a replay of the records that the query selects. To is SERVICE@RELEASE or a URL.
type ReplayRequest struct {
	To string `json:"to" minLength:"1" maxLength:"1000" doc:"SERVICE@RELEASE (started when it is not live) or http://HOST:PORT" example:"ocr@r12"`
	SendOptions
}

// SendOptions say how recorded requests are sent again.
type SendOptions struct {
	Speed       string            `json:"speed,omitempty" maxLength:"20" doc:"1x is the original pace, 2x twice that; 100/s a fixed rate; max as fast as answers come" example:"1x"`
	Sessions    bool              `json:"sessions,omitempty" doc:"A session's next request waits for the answer to the one before"`
	Concurrency int               `json:"concurrency,omitempty" minimum:"0" maximum:"1024" doc:"Requests in flight at a time; 0 is the default: 64, for a comparison 4"`
	Timeout     string            `json:"timeout,omitempty" maxLength:"20" doc:"Of one request; 1m by default" example:"30s"`
	Limit       int               `json:"limit,omitempty" minimum:"0" doc:"Only the newest so many that can be sent; 0 is all"`
	Methods     []string          `json:"methods,omitempty" maxItems:"20" doc:"Only these methods"`
	Header      map[string]string `json:"header,omitempty" doc:"Set on every request, such as credentials that were masked"`
	Force       bool              `json:"force,omitempty" doc:"Also to what serves live requests"`
}

// The types of ReplayEvent and DiffEvent.
const EventProgress = "progress" // where the job is; EventEnd is the last, with the result

// ReplayEvent is one line of a replay's stream.
type ReplayEvent struct {
	Type     string           `json:"type" enum:"progress,end"`
	Progress *replay.Progress `json:"progress,omitempty"`
	Summary  *replay.Summary  `json:"summary,omitempty"`
}

// DiffRequest asks for a comparison over the records that the query selects. Candidate and Baseline are SERVICE@RELEASE
// or URLs; a baseline of "recorded" are the recorded answers.
type DiffRequest struct {
	Baseline  string `json:"baseline" minLength:"1" maxLength:"1000" doc:"SERVICE@RELEASE, a URL, or recorded" example:"ocr@r11"`
	Candidate string `json:"candidate" minLength:"1" maxLength:"1000" doc:"SERVICE@RELEASE or a URL" example:"ocr@r12"`
	CompareOptions
	MaxDiff   float64 `json:"max_diff,omitempty" minimum:"0" maximum:"1" doc:"The share of requests that may differ"`
	MaxSlower float64 `json:"max_slower,omitempty" minimum:"0" doc:"0.2: up to 20 % slower is the same; 0: latency does not count"`
	SendOptions
}

// CompareOptions say what counts as a difference.
type CompareOptions struct {
	Ignore         []string           `json:"ignore,omitempty" maxItems:"1000" doc:"Paths that do not count" example:"[\"$.meta\",\"$.items[*].id\"]"`
	Unordered      []string           `json:"unordered,omitempty" maxItems:"1000" doc:"Lists whose order does not count" example:"[\"$.items\"]"`
	Tolerance      float64            `json:"tolerance,omitempty" minimum:"0" doc:"Numbers are equal that differ by no more than this times max(1, |a|, |b|)"`
	PathTolerance  map[string]float64 `json:"path_tolerance,omitempty" doc:"The same for single paths"`
	CompareHeaders []string           `json:"compare_headers,omitempty" maxItems:"100" doc:"Headers that are compared; Content-Type without any"`
}

// DiffEvent is one line of a comparison's stream.
type DiffEvent struct {
	Type     string           `json:"type" enum:"progress,end"`
	Progress *replay.Progress `json:"progress,omitempty"`
	Report   *replay.Report   `json:"report,omitempty"`
}
