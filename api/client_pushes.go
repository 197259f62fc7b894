package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// SetWebhooks makes or repairs webhooks.
func (c *Client) SetWebhooks(ctx context.Context, req WebhookRequest) (out WebhookList, err error) {
	return out, c.call(ctx, http.MethodPost, Prefix+"/webhooks", nil, req, &out)
}

// TestWebhooks has test deliveries sent, and waits for them.
func (c *Client) TestWebhooks(ctx context.Context, req WebhookRequest) (out WebhookList, err error) {
	return out, c.call(ctx, http.MethodPost, Prefix+"/webhooks/test", nil, req, &out)
}

// Deliveries lists n deliveries, of a repository or of all (""), newest first, from below an id (0: the newest).
func (c *Client) Deliveries(ctx context.Context, repository string, before int64, n int) (out DeliveryList, err error) {
	q := url.Values{"limit": {strconv.Itoa(n)}, "before": {strconv.FormatInt(before, 10)}}
	if repository != "" {
		q.Set("repository", repository)
	}
	return out, c.call(ctx, http.MethodGet, Prefix+"/webhooks/deliveries", q, nil, &out)
}

// AutoDeploys tells what pushes do to services.
func (c *Client) AutoDeploys(ctx context.Context) (out AutoDeployList, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/autodeploy", nil, nil, &out)
}

// SetAutoDeploys keeps pushes from deploying services, or lets them again.
func (c *Client) SetAutoDeploys(ctx context.Context, req AutoDeployRequest) (out AutoDeployResults, err error) {
	return out, c.call(ctx, http.MethodPost, Prefix+"/autodeploy", nil, req, &out)
}
