package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"aictl/sinks"
)

// Sinks carries records on to databases and queues; *sinks.Sinks is one. Unknown names are sinks.ErrUnknown.
type Sinks interface {
	// Status shows all sinks by name.
	Status() []sinks.Status
	// Test connects to a sink and prepares its schema.
	Test(ctx context.Context, name string) error
	// Retry has a sink that waits after a failure try again now.
	Retry(name string) error
	// Rewind has a sink begin anew: sinks.FromBeginning or sinks.FromNow.
	Rewind(ctx context.Context, name, to string) error
}

// SinkList is the document of `GET /api/v1/sinks`.
type SinkList struct {
	SchemaVersion int    `json:"schemaVersion" enum:"1"`
	Sinks         []Sink `json:"sinks"`
}

// Sink is a database or queue that gets records.
type Sink struct {
	Name       string    `json:"name"`
	URL        string    `json:"url" doc:"Without the password"`
	State      string    `json:"state" enum:"starting,idle,sending,retrying,stuck,stopped"`
	Sent       int64     `json:"sent" doc:"Records delivered since the sink is known"`
	Missed     int64     `json:"missed" doc:"Records that the retention removed before they were delivered"`
	Behind     int64     `json:"behind" doc:"Records that are recorded and not yet delivered"`
	LagSeconds float64   `json:"lag_seconds" doc:"Age of the first record of the batch under way; 0 when nothing waits"`
	LastSentAt time.Time `json:"last_sent_at,omitzero"`
	Error      string    `json:"error" doc:"Of the last attempt; empty after a success"`
	ErrorAt    time.Time `json:"error_at,omitzero"`
	RetryAt    time.Time `json:"retry_at,omitzero"`
	Attempts   int       `json:"attempts" doc:"Failed ones in a row"`
}

// SinkResult is the document of an action on a sink.
type SinkResult struct {
	SchemaVersion int    `json:"schemaVersion" enum:"1"`
	Name          string `json:"name"`
	OK            bool   `json:"ok"`
	Error         string `json:"error" doc:"Why the sink could not be reached"`
}

// Names of sinks may hold slashes, so they travel in the query.
type sinkInput struct {
	Name string `query:"name" required:"true" minLength:"1" maxLength:"500" doc:"The sink's name"`
}

type sinkRewindInput struct {
	Name string `query:"name" required:"true" minLength:"1" maxLength:"500" doc:"The sink's name"`
	To   string `query:"to" enum:"beginning,now" default:"beginning" doc:"Where it begins anew"`
}

func (s *Server) listSinks(context.Context, *struct{}) (SinkList, error) {
	now := s.deps.Now()
	return SinkList{SchemaVersion: SchemaVersion, Sinks: each(s.deps.Sinks.Status(), func(st sinks.Status) Sink {
		out := Sink{
			Name: st.Name, URL: st.URL, State: string(st.State), Sent: st.Sent, Missed: st.Missed, Behind: st.Behind, LastSentAt: st.LastSentAt,
			Error: st.Error, ErrorAt: st.ErrorAt, RetryAt: st.RetryAt, Attempts: st.Attempts,
		}
		if !st.OldestAt.IsZero() {
			out.LagSeconds = max(now.Sub(st.OldestAt), 0).Seconds()
		}
		return out
	})}, nil
}

// testTimeout bounds a test of a sink.
const testTimeout = 30 * time.Second

func (s *Server) testSink(ctx context.Context, in *sinkInput) (SinkResult, error) {
	ctx, cancel := context.WithTimeout(ctx, testTimeout)
	defer cancel()
	out := SinkResult{SchemaVersion: SchemaVersion, Name: in.Name, OK: true}
	switch err := s.deps.Sinks.Test(ctx, in.Name); {
	case errors.Is(err, sinks.ErrUnknown):
		return out, err
	case err != nil:
		out.OK, out.Error = false, err.Error()
	}
	return out, nil
}

func (s *Server) retrySink(_ context.Context, in *sinkInput) (SinkResult, error) {
	return SinkResult{SchemaVersion: SchemaVersion, Name: in.Name, OK: true}, s.deps.Sinks.Retry(in.Name)
}

func (s *Server) rewindSink(ctx context.Context, in *sinkRewindInput) (SinkResult, error) {
	err := s.deps.Sinks.Rewind(ctx, in.Name, in.To)
	if err == nil {
		s.log.Info("sink begins anew", "sink", in.Name, "from", in.To, "actor", actor(ctx))
	}
	return SinkResult{SchemaVersion: SchemaVersion, Name: in.Name, OK: true}, err
}

// Sinks lists the databases and queues that get records.
func (c *Client) Sinks(ctx context.Context) (out SinkList, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/sinks", nil, nil, &out)
}

// TestSink connects to a sink and prepares its schema.
func (c *Client) TestSink(ctx context.Context, name string) (out SinkResult, err error) {
	return out, c.call(ctx, http.MethodPost, Prefix+"/sinks/test", url.Values{"name": {name}}, nil, &out)
}

// RetrySink has a sink try again now.
func (c *Client) RetrySink(ctx context.Context, name string) (out SinkResult, err error) {
	return out, c.call(ctx, http.MethodPost, Prefix+"/sinks/retry", url.Values{"name": {name}}, nil, &out)
}

// RewindSink has a sink begin anew, from "beginning" or "now".
func (c *Client) RewindSink(ctx context.Context, name, to string) (out SinkResult, err error) {
	return out, c.call(ctx, http.MethodPost, Prefix+"/sinks/rewind", url.Values{"name": {name}, "to": {to}}, nil, &out)
}
