package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// ExportQuery says what to export and how; zero fields take the server's defaults.
type ExportQuery struct {
	RecordsQuery          // its Limit is that of the whole export
	Format       string   // jsonl, csv, parquet or har
	Bodies       string   // none, text or base64
	Columns      []string // of CSV and Parquet
	Exact        bool     // CSV: cells as they are
	Compress     string   // gzip or zstd
	Newest       bool     // newest first
}

// Exported is what a whole export has told at its end.
type Exported struct {
	Records  int
	Warnings []string
}

// ErrCut says that a file ended before its end was told.
var ErrCut = errors.New("the export was cut off: the file is not whole")

// ExportRecords copies an export to a writer. An error means that what was written is not whole.
func (c *Client) ExportRecords(ctx context.Context, query ExportQuery, to io.Writer) (out Exported, err error) {
	v := query.values()
	set(v, "format", query.Format)
	set(v, "bodies", query.Bodies)
	set(v, "columns", strings.Join(query.Columns, ","))
	set(v, "compress", query.Compress)
	if query.Exact {
		v.Set("exact", "true")
	}
	if query.Newest {
		v.Set("order", "newest")
	}
	res, err := c.send(ctx, http.MethodGet, Prefix+"/records/export", v, nil)
	if err != nil {
		return out, err
	}
	defer res.Body.Close()
	if _, err := io.Copy(to, cutReader{res.Body}); err != nil {
		if ctx.Err() != nil {
			return out, context.Cause(ctx)
		}
		return out, err
	}
	return readTrailer(res.Trailer)
}

// cutReader tells a connection that was lost from a writer that failed.
type cutReader struct{ from io.Reader }

func (r cutReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("%w: %w", ErrCut, err)
	}
	return n, err
}

func readTrailer(h http.Header) (out Exported, err error) {
	if out.Records, err = strconv.Atoi(h.Get(trailerRecords)); err != nil {
		return out, fmt.Errorf("%w: its end was not told; a proxy that drops trailers would do that", ErrCut)
	}
	text, err := strconv.Unquote(h.Get(trailerWarnings))
	if err == nil {
		err = json.Unmarshal([]byte(text), &out.Warnings)
	}
	return out, err
}

// PostRecords sends JSON lines, or what another content type says.
func (c *Client) PostRecords(ctx context.Context, contentType, encoding string, body io.Reader, o PostOptions) (out PostReceipt, err error) {
	v := url.Values{}
	if o.Import {
		v.Set("source", "import")
	}
	set(v, "service", o.Service)
	if o.DryRun {
		v.Set("dry_run", "true")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+Prefix+"/records?"+v.Encode(), body)
	if err != nil {
		return out, fmt.Errorf("make a request to post records: %w", err)
	}
	req.Header.Set("Content-Type", contentType)
	if encoding != "" {
		req.Header.Set("Content-Encoding", encoding)
	}
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
	err = json.NewDecoder(res.Body).Decode(&out)
	if err != nil {
		err = fmt.Errorf("read what became of posted records from %s: %w", c.where, err)
	}
	return out, errors.Join(err, res.Body.Close())
}

// Sessions lists sessions, the latest first.
func (c *Client) Sessions(ctx context.Context, query SessionsQuery) (out SessionList, err error) {
	return out, c.call(ctx, http.MethodGet, Prefix+"/records/sessions", query.values(), nil, &out)
}

// Session reads the records of one session in order; with follow it goes on until ctx ends or the caller breaks off.
// Of each body come at most so many bytes. Of the query only service, since and until count.
func (c *Client) Session(ctx context.Context, id string, query RecordsQuery, bodyBytes int, follow bool) iter.Seq2[RecordFull, error] {
	v := url.Values{"body_bytes": {strconv.Itoa(bodyBytes)}}
	set(v, "service", query.Service)
	setTime(v, "since", query.Since)
	setTime(v, "until", query.Until)
	if follow {
		v.Set("follow", "true")
	}
	return func(yield func(RecordFull, error) bool) {
		for line, err := range streamLines[SessionLine](ctx, c, Prefix+"/records/sessions/"+url.PathEscape(id), v) {
			if !yield(line.Record, err) {
				return
			}
		}
	}
}
