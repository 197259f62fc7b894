package api

import "time"

// Event is one thing that happened to a service, or to the daemon when Service is empty; `GET /api/v1/events` streams one per line.
type Event struct {
	Seq      uint64            `json:"seq" doc:"Counts from 1 in one run of the daemon"`
	Time     time.Time         `json:"time"`
	Kind     string            `json:"kind" doc:"instance.started, .healthy, .unhealthy, .exited, .backoff, .fatal, .stopped; service.started, .stopped, .scaled, .removed; deploy.queued, .running, .step, .live, .failed, .superseded, .cancelled, .interrupted; config.applied, .refused; events.lost" example:"instance.exited"`
	Service  string            `json:"service"`
	Instance string            `json:"instance,omitempty" example:"ocr/1"`
	Release  string            `json:"release,omitempty"`
	Reason   string            `json:"reason,omitempty" doc:"For people"`
	Fields   map[string]string `json:"fields,omitempty" doc:"What else is known: code, signal, pid, port, step, deploy …"`
}

// EventsQuery selects events. With Follow the stream goes on until ctx ends.
type EventsQuery struct {
	Services []string // names, globs or @group; none is all
	Since    time.Time
	Follow   bool
}
