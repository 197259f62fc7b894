package api

import (
	"context"
	"net/http"
	"net/url"
)

// Repositories lists the repositories that the daemon hosts itself.
func (c *Client) Repositories(ctx context.Context) (out RepositoryList, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/repositories", nil, nil, &out)
}

// Repository returns one hosted repository.
func (c *Client) Repository(ctx context.Context, name string) (out RepositoryDocument, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/repositories/"+url.PathEscape(name), nil, nil, &out)
}

// CreateRepository makes a hosted repository.
func (c *Client) CreateRepository(ctx context.Context, req RepositoryRequest) (out RepositoryDocument, err error) {
	return out, c.call(ctx, http.MethodPost, Prefix+"/repositories", nil, req, &out)
}

// RemoveRepository removes a hosted repository with all that was pushed to it.
func (c *Client) RemoveRepository(ctx context.Context, name string) (out RepositoryDocument, err error) {
	return out, c.call(ctx, http.MethodPost, Prefix+"/repositories/"+url.PathEscape(name)+"/remove", nil, nil, &out)
}

// Passage leads to the daemon for what is not of its API, such as Git: requests for /… are sent to Base by Transport, with
// the header Authorization when it is not empty.
type Passage struct {
	Base          *url.URL
	Transport     http.RoundTripper
	Authorization string
}

// Passage returns the way to the daemon that this client takes.
func (c *Client) Passage() (Passage, error) {
	base, err := url.Parse(c.base)
	if err != nil {
		return Passage{}, err
	}
	p := Passage{Base: base, Transport: c.http.Transport}
	if c.token != "" {
		p.Authorization = "Bearer " + c.token
	}
	return p, nil
}
