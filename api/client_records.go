package api

import (
	"context"
	"net/http"
)

// RecordSums are the statistics of what a query selects. By is what to group by, or "".
func (c *Client) RecordSums(ctx context.Context, query RecordsQuery, by string) (out RecordStats, err error) {
	v := query.values()
	set(v, "by", by)
	return out, c.call(ctx, http.MethodGet, Prefix+"/records/stats", v, nil, &out)
}
