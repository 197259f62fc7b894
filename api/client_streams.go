package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
)

// errStreamCut ends a stream whose connection was lost before its end.
var errStreamCut = errors.New("the stream was cut off: the daemon stopped or restarted")

// DeployEvents follows a deploy: its steps so far, then everything new, until it has ended. The last event has the
// type EventEnd. An error ends the sequence; a stream that was cut off is an error too.
func (c *Client) DeployEvents(ctx context.Context, id int64) iter.Seq2[DeployEvent, error] {
	return func(yield func(DeployEvent, error) bool) {
		ended := false
		for ev, err := range streamLines[DeployEvent](ctx, c, deployPath(id)+"/events", nil) {
			if !yield(ev, err) || err != nil {
				return
			}
			ended = ended || ev.Type == EventEnd
		}
		if !ended {
			yield(DeployEvent{}, fmt.Errorf("events of deploy %d: %w", id, errStreamCut))
		}
	}
}

// Logs reads log lines, oldest first; with Follow it goes on until ctx ends or the caller breaks off.
func (c *Client) Logs(ctx context.Context, query LogsQuery) iter.Seq2[LogLine, error] {
	return streamLines[LogLine](ctx, c, Prefix+"/logs", query.values())
}

// Events reads what happened, oldest first; with Follow it goes on until ctx ends or the caller breaks off.
func (c *Client) Events(ctx context.Context, query EventsQuery) iter.Seq2[Event, error] {
	return streamLines[Event](ctx, c, Prefix+"/events", query.values())
}

// streamItem is one line of a stream: a value, or the problem that ended it.
type streamItem[T any] struct {
	value T
	err   *Error
}

// UnmarshalJSON tells a problem ({"error": {…}}) from a value.
func (i *streamItem[T]) UnmarshalJSON(b []byte) error {
	var failed struct {
		Error *Error `json:"error"`
	}
	if err := json.Unmarshal(b, &failed); err != nil {
		return err
	}
	if i.err = failed.Error; i.err != nil {
		return nil
	}
	return json.Unmarshal(b, &i.value)
}

// streamLines decodes a stream of one JSON object per line until it ends, ctx ends, or the caller breaks off.
func streamLines[T any](ctx context.Context, c *Client, path string, query url.Values) iter.Seq2[T, error] {
	return streamOf[T](ctx, c, http.MethodGet, path, query, nil)
}

// streamOf is streamLines for any method, with a body.
func streamOf[T any](ctx context.Context, c *Client, method, path string, query url.Values, body any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		var zero T
		res, err := c.send(ctx, method, path, query, body)
		if err != nil {
			yield(zero, err)
			return
		}
		defer res.Body.Close()
		for dec := json.NewDecoder(res.Body); ; {
			var item streamItem[T]
			switch err := dec.Decode(&item); {
			case errors.Is(err, io.EOF):
				return
			case ctx.Err() != nil:
				yield(zero, context.Cause(ctx))
				return
			case err != nil:
				yield(zero, fmt.Errorf("read %s from %s: %w: %w", path, c.where, errStreamCut, err))
				return
			case item.err != nil:
				yield(zero, item.err)
				return
			}
			if !yield(item.value, nil) {
				return
			}
		}
	}
}
