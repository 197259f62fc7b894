package api

import "time"

// WebhookRequest names the services whose repositories' webhooks are meant.
type WebhookRequest struct {
	Services []string `json:"services,omitempty" maxItems:"1000"`
	All      bool     `json:"all,omitempty" doc:"Those of all services"`
}

// WebhookList is the document of `POST /api/v1/webhooks` and `…/webhooks/test`, one for each repository.
type WebhookList struct {
	SchemaVersion int       `json:"schemaVersion" enum:"1"`
	Webhooks      []Webhook `json:"webhooks"`
}

// Webhook is the webhook of a repository, and what was done about it.
type Webhook struct {
	Repository string       `json:"repository" doc:"owner/name, or the address of one elsewhere"`
	Forge      string       `json:"forge,omitempty" doc:"Name of the connection"`
	Services   []string     `json:"services" doc:"Deployed from it"`
	Action     string       `json:"action" enum:"good,created,replaced,manual,none,failed" doc:"manual: it is to be made by hand at a forge that is not connected"`
	Why        string       `json:"why,omitempty"`
	Error      string       `json:"error,omitempty"`
	URL        string       `json:"url,omitempty" doc:"Where its deliveries go"`
	ID         int64        `json:"id,omitempty" doc:"At the forge"`
	Secret     string       `json:"secret,omitempty" doc:"Only of one that is to be made by hand"`
	Test       *WebhookTest `json:"test,omitempty"`
}

// WebhookTest is what came of a test delivery.
type WebhookTest struct {
	Arrived         bool    `json:"arrived"`
	Delivery        string  `json:"delivery,omitempty" doc:"The forge's id of it"`
	DurationSeconds float64 `json:"duration_seconds"`
	Advice          string  `json:"advice,omitempty" doc:"What to do when it did not arrive"`
}

// DeliveryList is the document of `GET /api/v1/webhooks/deliveries`.
type DeliveryList struct {
	SchemaVersion int                     `json:"schemaVersion" enum:"1"`
	Deliveries    []WebhookDelivery       `json:"deliveries" doc:"Newest first"`
	Refused       []RefusedDelivery       `json:"refused,omitempty" doc:"Since the daemon has started, newest first; with the first page only"`
	Unreachable   []UnreachableRepository `json:"unreachable,omitempty" doc:"Repositories that cannot be looked at for pushes whose deliveries were lost"`
}

// WebhookDelivery is a genuine delivery.
type WebhookDelivery struct {
	ID         int64     `json:"id"`
	Forge      string    `json:"forge" doc:"Connection whose secret signed it, or github, gitlab, gitea"`
	Delivery   string    `json:"delivery,omitempty" doc:"The forge's id of it"`
	Event      string    `json:"event" example:"push"`
	Repository string    `json:"repository"`
	Ref        string    `json:"ref,omitempty"`
	Repeated   bool      `json:"repeated,omitempty" doc:"The same body was delivered before"`
	State      string    `json:"state" enum:"received,done,failed"`
	Outcome    string    `json:"outcome,omitempty" doc:"For people, service by service"`
	Tries      int       `json:"tries"`
	ReceivedAt time.Time `json:"received_at"`
	DoneAt     time.Time `json:"done_at,omitzero"`
}

// RefusedDelivery is one that was not taken.
type RefusedDelivery struct {
	At     time.Time `json:"at"`
	From   string    `json:"from" doc:"Address"`
	Path   string    `json:"path"`
	Event  string    `json:"event,omitempty"`
	Status int       `json:"status" doc:"Of the answer"`
	Why    string    `json:"why"`
}

// UnreachableRepository is one that cannot be looked at.
type UnreachableRepository struct {
	Repository string    `json:"repository"`
	Services   []string  `json:"services"`
	Since      time.Time `json:"since"`
	Next       time.Time `json:"next" doc:"When it is tried again"`
	Tries      int       `json:"tries"`
	Error      string    `json:"error"`
}

// AutoDeployList is the document of `GET /api/v1/autodeploy`, by service.
type AutoDeployList struct {
	SchemaVersion int          `json:"schemaVersion" enum:"1"`
	Services      []AutoDeploy `json:"services"`
}

// AutoDeploy is what pushes do to a service.
type AutoDeploy struct {
	Service    string             `json:"service"`
	Auto       bool               `json:"auto" doc:"The manifest lets pushes deploy it"`
	Paused     bool               `json:"paused" doc:"No push deploys it until it is resumed"`
	Why        string             `json:"why,omitempty" doc:"It is paused"`
	Actor      string             `json:"actor,omitempty" doc:"Who paused it"`
	Since      time.Time          `json:"since,omitzero"`
	Branch     string             `json:"branch,omitempty" doc:"Whose pushes deploy it; empty: the default branch, or none when there are tags"`
	Tags       []string           `json:"tags,omitempty"`
	Paths      []string           `json:"paths,omitempty"`
	Ignore     []string           `json:"ignore,omitempty"`
	Previews   bool               `json:"previews,omitempty"`
	Considered []ConsideredCommit `json:"considered" doc:"The last commit of each reference that was considered, the latest first"`
}

// ConsideredCommit is the last commit of a reference that was considered for a service.
type ConsideredCommit struct {
	Ref     string    `json:"ref"`
	Commit  string    `json:"commit"`
	Deploy  int64     `json:"deploy,omitempty" doc:"Absent when it was skipped"`
	Outcome string    `json:"outcome"`
	At      time.Time `json:"at"`
}

// AutoDeployRequest pauses or resumes what pushes do to services.
type AutoDeployRequest struct {
	Services []string `json:"services" minItems:"1" maxItems:"1000" doc:"Service names, globs, or @group"`
	Paused   bool     `json:"paused"`
	Why      string   `json:"why,omitempty" maxLength:"500" doc:"For people"`
}

// AutoDeployResults is the document of `POST /api/v1/autodeploy`.
type AutoDeployResults struct {
	SchemaVersion int      `json:"schemaVersion" enum:"1"`
	Paused        bool     `json:"paused"`
	Services      []string `json:"services"`
	Changed       []string `json:"changed" doc:"Those that were not so already"`
}
