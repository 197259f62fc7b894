package api

import (
	"context"
	"net/http"
)

// Disk returns what the data directory and each service take.
func (c *Client) Disk(ctx context.Context) (out DiskUsage, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/disk", nil, nil, &out)
}

// Prune removes what nobody needs any more, or says what that is.
func (c *Client) Prune(ctx context.Context, req PruneRequest) (out PruneResult, err error) {
	return out, c.call(ctx, http.MethodPost, Prefix+"/prune", nil, req, &out)
}
