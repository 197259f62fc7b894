package api

import (
	"context"
	"net/http"
	"net/url"
)

// RecordSums are the statistics of what a query selects. By is what to group by, or "".
func (c *Client) RecordSums(ctx context.Context, query RecordsQuery, by string) (out RecordStats, err error) {
	v := query.values()
	set(v, "by", by)
	return out, c.call(ctx, http.MethodGet, Prefix+"/records/stats", v, nil, &out)
}

// RecordLabels returns a record's labels and their history.
func (c *Client) RecordLabels(ctx context.Context, id string) (out RecordLabels, err error) {
	return out, c.call(ctx, http.MethodGet, labelsPath(id), nil, nil, &out)
}

// LabelRecord makes or changes a label of a record.
func (c *Client) LabelRecord(ctx context.Context, id, name string, edit RecordLabelEdit) (out RecordLabels, err error) {
	return out, c.call(ctx, http.MethodPut, labelsPath(id)+"/"+url.PathEscape(name), nil, edit, &out)
}

// UnlabelRecord takes a label away.
func (c *Client) UnlabelRecord(ctx context.Context, id, name string) (out RecordLabels, err error) {
	return out, c.call(ctx, http.MethodDelete, labelsPath(id)+"/"+url.PathEscape(name), nil, nil, &out)
}

// LabelRecords labels all that a query selects.
func (c *Client) LabelRecords(ctx context.Context, query RecordsQuery, name string, edit RecordLabelEdit) (out RecordsLabelled, err error) {
	v := query.values()
	set(v, "name", name)
	return out, c.call(ctx, http.MethodPost, Prefix+"/records/labels", v, edit, &out)
}

func labelsPath(id string) string { return Prefix + "/records/" + url.PathEscape(id) + "/labels" }
