package api

import "time"

// CanaryRequest starts a canary or changes the part that the running one gets. What is left out keeps what is, or takes the default.
type CanaryRequest struct {
	To       string   `json:"to,omitempty" maxLength:"100" doc:"Release, by its id or its number as in r12; may be left out for the canary that runs"`
	Weight   *float64 `json:"weight,omitempty" minimum:"0" maximum:"100" doc:"Percent of the requests; 10 when left out at the start"`
	Header   *string  `json:"header,omitempty" maxLength:"300" doc:"'Name: value'; requests that carry it go to the canary whatever the weight. Empty takes it away" example:"X-Canary: 1"`
	Replicas int      `json:"replicas,omitempty" minimum:"0" maximum:"64" doc:"Instances; 0 is one"`
}

// CanaryDocument answers the calls about a service's canary.
type CanaryDocument struct {
	SchemaVersion int    `json:"schemaVersion" enum:"1"`
	Canary        Canary `json:"canary"`
}

// Canary is a part of a service's requests that goes to another release than the live one.
type Canary struct {
	Service   string    `json:"service"`
	Release   string    `json:"release"`
	Live      string    `json:"live" doc:"The live release"`
	Weight    float64   `json:"weight" doc:"Percent of the requests that no header and no session decides"`
	Header    string    `json:"header,omitempty" doc:"Requests that carry it go to the canary"`
	Instances []string  `json:"instances"`
	Ready     int       `json:"ready" doc:"Of these, those that get requests; with none all requests go to the live release"`
	Reason    string    `json:"reason,omitempty" doc:"Why none is ready"`
	Actor     string    `json:"actor,omitempty"`
	StartedAt time.Time `json:"started_at"`
	Sides     Sides     `json:"sides" doc:"What came of the requests since the canary began or the daemon started"`
}

// Sides are both sides of a canary.
type Sides struct {
	Canary Side `json:"canary"`
	Live   Side `json:"live"`
}

// Side is what came of the requests of one side.
type Side struct {
	Requests int64   `json:"requests"`
	Errors   int64   `json:"errors" doc:"Answered with 500 or above, or not at all"`
	P50      float64 `json:"p50_ms" doc:"Median time of a request in milliseconds, to 5 %"`
	P95      float64 `json:"p95_ms"`
}

// ShadowRequest starts to copy a service's requests, or changes how many are copied.
type ShadowRequest struct {
	To       string   `json:"to,omitempty" maxLength:"100" doc:"Another service, or a release of this one by its id or number; may be left out for the shadow that runs"`
	Percent  *float64 `json:"percent,omitempty" exclusiveMinimum:"0" maximum:"100" doc:"Of the requests; 100 when left out at the start"`
	Replicas int      `json:"replicas,omitempty" minimum:"0" maximum:"64" doc:"Instances of a release; 0 is one"`
}

// ShadowDocument answers the calls about a service's shadow.
type ShadowDocument struct {
	SchemaVersion int    `json:"schemaVersion" enum:"1"`
	Shadow        Shadow `json:"shadow"`
}

// Shadow says where copies of a service's requests go, and what came of them.
type Shadow struct {
	Service   string           `json:"service"`
	Target    string           `json:"target" doc:"The service that gets the copies"`
	Release   string           `json:"release,omitempty" doc:"The release of the service that gets them; absent when it is another service"`
	Percent   float64          `json:"percent"`
	Manifest  bool             `json:"manifest" doc:"The live release's manifest asks for it"`
	Instances []string         `json:"instances" doc:"That were started for it"`
	Actor     string           `json:"actor,omitempty"`
	StartedAt time.Time        `json:"started_at,omitzero"`
	Sent      int64            `json:"sent" doc:"Copies that have ended, since the shadow began or the daemon started"`
	Errors    int64            `json:"errors" doc:"Of these, answered with 500 or above, or not at all"`
	Dropped   map[string]int64 `json:"dropped" doc:"Requests that were not copied, or copies that were not sent, by reason"`
	Waiting   int              `json:"waiting" doc:"Copies that have not ended"`
	P50       float64          `json:"p50_ms"`
	P95       float64          `json:"p95_ms"`
}
