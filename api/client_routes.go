package api

import (
	"context"
	"net/http"
)

// Canary tells of a service's canary.
func (c *Client) Canary(ctx context.Context, service string) (out CanaryDocument, err error) {
	return out, c.call(ctx, http.MethodGet, servicePath(service)+"/canary", nil, nil, &out)
}

// SetCanary starts a canary and returns when it is healthy, or changes the part that the running one gets.
func (c *Client) SetCanary(ctx context.Context, service string, req CanaryRequest) (out CanaryDocument, err error) {
	return out, c.call(ctx, http.MethodPost, servicePath(service)+"/canary", nil, req, &out)
}

// PromoteCanary queues the deploy that makes the canary the live release.
func (c *Client) PromoteCanary(ctx context.Context, service string) (out DeployDocument, err error) {
	return out, c.call(ctx, http.MethodPost, servicePath(service)+"/canary/promote", nil, nil, &out)
}

// StopCanary ends a canary and returns what it was.
func (c *Client) StopCanary(ctx context.Context, service string) (out CanaryDocument, err error) {
	return out, c.call(ctx, http.MethodPost, servicePath(service)+"/canary/stop", nil, nil, &out)
}

// Shadow tells where copies of a service's requests go.
func (c *Client) Shadow(ctx context.Context, service string) (out ShadowDocument, err error) {
	return out, c.call(ctx, http.MethodGet, servicePath(service)+"/shadow", nil, nil, &out)
}

// SetShadow starts to copy a service's requests, or changes how many are copied.
func (c *Client) SetShadow(ctx context.Context, service string, req ShadowRequest) (out ShadowDocument, err error) {
	return out, c.call(ctx, http.MethodPost, servicePath(service)+"/shadow", nil, req, &out)
}

// StopShadow ends the copies and returns what came of them.
func (c *Client) StopShadow(ctx context.Context, service string) (out ShadowDocument, err error) {
	return out, c.call(ctx, http.MethodPost, servicePath(service)+"/shadow/stop", nil, nil, &out)
}

// Caches tells of the caches of all services that have one.
func (c *Client) Caches(ctx context.Context) (out CacheList, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/caches", nil, nil, &out)
}

// Cache tells of a service's cache.
func (c *Client) Cache(ctx context.Context, service string) (out CacheDocument, err error) {
	return out, c.call(ctx, http.MethodGet, servicePath(service)+"/cache", nil, nil, &out)
}

// ClearCache empties a service's cache.
func (c *Client) ClearCache(ctx context.Context, service string) (out CacheDocument, err error) {
	return out, c.call(ctx, http.MethodPost, servicePath(service)+"/cache/clear", nil, nil, &out)
}
