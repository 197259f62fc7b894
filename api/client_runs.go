package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Run runs a job now and returns when it has been started.
func (c *Client) Run(ctx context.Context, service string) (out RunDocument, err error) {
	return out, c.call(ctx, http.MethodPost, servicePath(service)+"/run", nil, nil, &out)
}

// AwaitRun returns a run once it has ended, or as it is after the wait, at most a minute.
func (c *Client) AwaitRun(ctx context.Context, service string, id int64, wait time.Duration) (out RunDocument, err error) {
	q := url.Values{"wait": {strconv.Itoa(int(min(wait, time.Minute) / time.Second))}}
	return out, c.call(ctx, http.MethodGet, servicePath(service)+"/runs/"+strconv.FormatInt(id, 10), q, nil, &out)
}

// Runs lists the last runs of a job, newest first; n ≤ 0 leaves the number to the server.
func (c *Client) Runs(ctx context.Context, service string, n int) (out RunList, err error) {
	q := url.Values{}
	if n > 0 {
		q.Set("limit", strconv.Itoa(n))
	}
	return out, c.call(ctx, http.MethodGet, servicePath(service)+"/runs", q, nil, &out)
}
