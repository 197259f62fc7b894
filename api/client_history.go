package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// DiffDeploys says what lies between two versions of a service: deploys, releases or commits. service may be "" when one is a deploy.
func (c *Client) DiffDeploys(ctx context.Context, service, from, to string) (out Comparison, err error) {
	query := url.Values{"from": {from}, "to": {to}}
	if service != "" {
		query.Set("service", service)
	}
	return out, c.call(ctx, http.MethodGet, Prefix+"/deploys/diff", query, nil, &out)
}

// DeployLog returns the last n lines of a deploy's log.
func (c *Client) DeployLog(ctx context.Context, id int64, n int) (out DeployLog, err error) {
	return out, c.call(ctx, http.MethodGet, deployPath(id)+"/log", url.Values{"lines": {strconv.Itoa(n)}}, nil, &out)
}
