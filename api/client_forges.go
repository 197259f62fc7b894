package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
)

// Forges lists the connected Giteas, the default one first.
func (c *Client) Forges(ctx context.Context) (out ForgeList, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/gitea", nil, nil, &out)
}

// ConnectForge connects a Gitea, or changes a connection.
func (c *Client) ConnectForge(ctx context.Context, req ForgeRequest) (out ForgeCheck, err error) {
	return out, c.call(ctx, http.MethodPost, Prefix+"/gitea", nil, req, &out)
}

// TestForge says what a connection ("" is the default one) is good for now.
func (c *Client) TestForge(ctx context.Context, name string) (out ForgeCheck, err error) {
	return out, c.call(ctx, http.MethodPost, forgePath(name)+"/test", nil, nil, &out)
}

// DisconnectForge forgets a connection.
func (c *Client) DisconnectForge(ctx context.Context, name string) (out ForgeRemoved, err error) {
	return out, c.call(ctx, http.MethodPost, forgePath(name)+"/disconnect", nil, nil, &out)
}

// ForgeHistory lists n changes of a connection, or of all (""), newest first.
func (c *Client) ForgeHistory(ctx context.Context, name string, n int) (out ForgeHistory, err error) {
	q := url.Values{"limit": {strconv.Itoa(n)}}
	if name != "" {
		q.Set("name", name)
	}
	return out, c.call(ctx, http.MethodGet, Prefix+"/gitea/history", q, nil, &out)
}

// RollbackForge makes a connection what it was at a revision, or before its last change (0).
func (c *Client) RollbackForge(ctx context.Context, name string, revision int64) (out ForgeCheck, err error) {
	return out, c.call(ctx, http.MethodPost, forgePath(name)+"/rollback", nil, ForgeRollback{Revision: revision}, &out)
}

// ForgeRepositories lists up to n repositories of a Gitea ("" is the default one) whose names hold match; look has a look at their files.
func (c *Client) ForgeRepositories(ctx context.Context, name, match string, n int, look bool) (out ForgeRepositories, err error) {
	q := url.Values{"limit": {strconv.Itoa(n)}, "look": {strconv.FormatBool(look)}}
	if match != "" {
		q.Set("match", match)
	}
	return out, c.call(ctx, http.MethodGet, forgePath(name)+"/repositories", q, nil, &out)
}

// CreateForgeRepository makes an empty repository at a Gitea ("" is the default one).
func (c *Client) CreateForgeRepository(ctx context.Context, name string, req ForgeRepositoryRequest) (out ForgeRepositoryCreated, err error) {
	return out, c.call(ctx, http.MethodPost, forgePath(name)+"/repositories", nil, req, &out)
}

func forgePath(name string) string {
	if name == "" {
		name = "-"
	}
	return Prefix + "/gitea/" + url.PathEscape(name)
}
