package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// Algorithms lists the algorithms that a query selects.
func (c *Client) Algorithms(ctx context.Context, q AlgorithmsQuery) (out AlgorithmList, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/algorithms", filled("task", q.Task, "owner", q.Owner, "tag", q.Tag, "text", q.Text), nil, &out)
}

// Algorithm returns one algorithm with at most limit versions; 0 is all.
func (c *Client) Algorithm(ctx context.Context, service string, limit int) (out AlgorithmDocument, err error) {
	return out, c.call(ctx, http.MethodGet, algorithmPath(service), url.Values{"limit": {strconv.Itoa(limit)}}, nil, &out)
}

// Interface returns what a version answered when it was deployed; release "" is the live one.
func (c *Client) Interface(ctx context.Context, service, release string) (out AlgorithmInterface, err error) {
	return out, c.call(ctx, http.MethodGet, algorithmPath(service)+"/interface", filled("release", release), nil, &out)
}

// DiffAlgorithm returns what changed for callers between two versions; "" are the live one and the one before it.
func (c *Client) DiffAlgorithm(ctx context.Context, service, from, to string) (out AlgorithmDiff, err error) {
	return out, c.call(ctx, http.MethodGet, algorithmPath(service)+"/diff", filled("from", from, "to", to), nil, &out)
}

func algorithmPath(service string) string { return Prefix + "/algorithms/" + url.PathEscape(service) }

// filled are the parameters, in pairs of name and value, that are not empty.
func filled(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}
