package api

import (
	"context"
	"net/http"
	"net/url"
)

// Keys lists the API keys of services, by name.
func (c *Client) Keys(ctx context.Context) (out KeyList, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/keys", nil, nil, &out)
}

// CreateKey makes an API key. Its secret is in the answer and nowhere else.
func (c *Client) CreateKey(ctx context.Context, req KeyRequest) (out KeyCreated, err error) {
	return out, c.call(ctx, http.MethodPost, Prefix+"/keys", nil, req, &out)
}

// RevokeKey makes an API key worthless, from the next request on.
func (c *Client) RevokeKey(ctx context.Context, name string) (out KeyDocument, err error) {
	return out, c.call(ctx, http.MethodPost, Prefix+"/keys/"+url.PathEscape(name)+"/revoke", nil, nil, &out)
}
