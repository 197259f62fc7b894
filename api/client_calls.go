package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Services lists the services that any of the patterns (names, globs, @group) matches, or all without patterns.
func (c *Client) Services(ctx context.Context, patterns []string, detail bool) (out ServiceList, err error) {
	q := url.Values{"pattern": patterns}
	if detail {
		q.Set("detail", "true")
	}
	return out, c.call(ctx, http.MethodGet, Prefix+"/services", q, nil, &out)
}

// ServicesInUse is Services with detail and with what is dearer to find out: processes and open files.
func (c *Client) ServicesInUse(ctx context.Context, patterns []string) (out ServiceList, err error) {
	q := url.Values{"pattern": patterns, "detail": {"true"}, "usage": {"true"}}
	return out, c.call(ctx, http.MethodGet, Prefix+"/services", q, nil, &out)
}

// Service returns one service with its detail.
func (c *Client) Service(ctx context.Context, name string) (out ServiceDocument, err error) {
	return out, c.call(ctx, http.MethodGet, servicePath(name), nil, nil, &out)
}

// Act does one action on every service that the patterns match. Failures of single services are in the results.
func (c *Client) Act(ctx context.Context, req ActionRequest) (out ActionResults, err error) {
	return out, c.call(ctx, http.MethodPost, Prefix+"/actions", nil, req, &out)
}

// Releases lists a service's releases, newest first.
func (c *Client) Releases(ctx context.Context, service string) (out ReleaseList, err error) {
	return out, c.call(ctx, http.MethodGet, servicePath(service)+"/releases", nil, nil, &out)
}

// Rollback queues a deploy that makes an earlier release live again.
func (c *Client) Rollback(ctx context.Context, service string, req RollbackRequest) (out DeployDocument, err error) {
	return out, c.call(ctx, http.MethodPost, servicePath(service)+"/rollback", nil, req, &out)
}

// Deploy queues a deploy.
func (c *Client) Deploy(ctx context.Context, req DeployRequest) (out DeployDocument, err error) {
	return out, c.call(ctx, http.MethodPost, Prefix+"/deploys", nil, req, &out)
}

// Deploys lists deploys, newest first.
func (c *Client) Deploys(ctx context.Context, query DeploysQuery) (out DeployList, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/deploys", query.values(), nil, &out)
}

// GetDeploy returns one deploy with its steps and the last lines of its log.
func (c *Client) GetDeploy(ctx context.Context, id int64) (out DeployDocument, err error) {
	return out, c.call(ctx, http.MethodGet, deployPath(id), nil, nil, &out)
}

// CancelDeploy asks a queued or running deploy to stop; the old release keeps serving.
func (c *Client) CancelDeploy(ctx context.Context, id int64) (out DeployDocument, err error) {
	return out, c.call(ctx, http.MethodPost, deployPath(id)+"/cancel", nil, nil, &out)
}

// Records lists records without headers and bodies, newest first.
func (c *Client) Records(ctx context.Context, query RecordsQuery) (out RecordList, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/records", query.values(), nil, &out)
}

// Record returns one record with headers and bodies.
func (c *Client) Record(ctx context.Context, id string) (out RecordDocument, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/records/"+url.PathEscape(id), nil, nil, &out)
}

// RecordStats tells what is kept on disk and what the recorder has accounted for.
func (c *Client) RecordStats(ctx context.Context) (out RecordStats, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/records/stats", nil, nil, &out)
}

// Version tells what runs and where it listens.
func (c *Client) Version(ctx context.Context) (out Version, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/version", nil, nil, &out)
}

// Health returns nil when the daemon says it is well, and an *Error that says what is wrong otherwise.
func (c *Client) Health(ctx context.Context) (out Health, err error) {
	return out, c.call(ctx, http.MethodGet, "/healthz", nil, nil, &out)
}

// OpenAPI returns the OpenAPI 3.1 document.
func (c *Client) OpenAPI(ctx context.Context) (out json.RawMessage, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/openapi.json", nil, nil, &out)
}

// Metrics returns the Prometheus text.
func (c *Client) Metrics(ctx context.Context) (string, error) {
	res, err := c.send(ctx, http.MethodGet, "/metrics", nil, nil)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		err = fmt.Errorf("read the metrics from %s: %w", c.where, err)
	}
	return string(text), errors.Join(err, res.Body.Close())
}

func servicePath(name string) string { return Prefix + "/services/" + url.PathEscape(name) }

func deployPath(id int64) string { return Prefix + "/deploys/" + strconv.FormatInt(id, 10) }

func (q DeploysQuery) values() url.Values {
	v := url.Values{}
	set(v, "service", q.Service)
	set(v, "cursor", q.Cursor)
	setInt(v, "limit", q.Limit)
	return v
}

func (q LogsQuery) values() url.Values {
	v := url.Values{"service": q.Services}
	set(v, "instance", q.Instance)
	set(v, "grep", q.Grep)
	set(v, "stream", q.Stream)
	setInt(v, "lines", q.Lines)
	setTime(v, "since", q.Since)
	if q.Follow {
		v.Set("follow", "true")
	}
	return v
}

func (q EventsQuery) values() url.Values {
	v := url.Values{"service": q.Services}
	setTime(v, "since", q.Since)
	if q.Follow {
		v.Set("follow", "true")
	}
	return v
}

func set(v url.Values, key, value string) {
	if value != "" {
		v.Set(key, value)
	}
}

func setInt(v url.Values, key string, n int) {
	if n != 0 {
		v.Set(key, strconv.Itoa(n))
	}
}

func setTime(v url.Values, key string, t time.Time) {
	if !t.IsZero() {
		v.Set(key, t.Format(time.RFC3339Nano))
	}
}
