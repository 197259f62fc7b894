package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Environments lists the environments that releases run in.
func (c *Client) Environments(ctx context.Context) (out EnvironmentList, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/environments", nil, nil, &out)
}

// Environment returns one by its key, or that of a service's live release.
func (c *Client) Environment(ctx context.Context, key string) (out EnvironmentDocument, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/environments/"+url.PathEscape(key), nil, nil, &out)
}

// ExportEnvironment copies an environment's archive to a writer. An error means that what was written is not whole.
func (c *Client) ExportEnvironment(ctx context.Context, key string, to io.Writer) error {
	res, err := c.send(ctx, http.MethodGet, Prefix+"/environments/"+url.PathEscape(key)+"/export", nil, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err = io.Copy(to, cutReader{res.Body}); err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// ImportEnvironment sends an archive.
func (c *Client) ImportEnvironment(ctx context.Context, archive io.Reader) (out EnvironmentImport, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+Prefix+"/environments/import", archive)
	if err != nil {
		return out, fmt.Errorf("make a request to import: %w", err)
	}
	req.Header.Set("Content-Type", archiveType)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return out, c.explain(ctx, err)
	}
	if res.StatusCode >= 400 {
		return out, errors.Join(c.problem(res), res.Body.Close())
	}
	if err = json.NewDecoder(res.Body).Decode(&out); err != nil {
		err = fmt.Errorf("read the answer to the import: %w", err)
	}
	return out, errors.Join(err, res.Body.Close())
}
