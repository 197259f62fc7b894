package api

import (
	"context"
	"net/http"
)

// Config shows the settings that run.
func (c *Client) Config(ctx context.Context) (out ConfigDocument, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/config", nil, nil, &out)
}

// ConfigDiff compares a settings file with what runs.
func (c *Client) ConfigDiff(ctx context.Context, req ConfigRequest) (out ConfigDiff, err error) {
	return out, c.call(ctx, http.MethodPost, Prefix+"/config/diff", nil, req, &out)
}

// ConfigReload has the daemon read its settings file again.
func (c *Client) ConfigReload(ctx context.Context) (out ConfigDiff, err error) {
	return out, c.call(ctx, http.MethodPost, Prefix+"/config/reload", nil, nil, &out)
}

// PreviewDeploy tells what a deploy would change.
func (c *Client) PreviewDeploy(ctx context.Context, req DeployRequest) (out PreviewDocument, err error) {
	return out, c.call(ctx, http.MethodPost, Prefix+"/deploys/preview", nil, req, &out)
}
