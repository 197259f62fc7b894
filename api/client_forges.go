package api

import (
	"context"
	"net/http"
)

// Forges lists the connected Giteas, the default one first.
func (c *Client) Forges(ctx context.Context) (out ForgeList, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/gitea", nil, nil, &out)
}
