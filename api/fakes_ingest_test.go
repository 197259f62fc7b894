package api

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"aictl/store/records"
)

// postbox takes posted records into the backend.
type postbox struct{ *backend }

func (p postbox) Known(_ context.Context, id string) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.posted[id] != nil, p.fault["known"]
}

func (p postbox) Post(_ context.Context, xs []*records.Exchange) ([]error, error) {
	if err := p.note("post"); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fates := make([]error, len(xs))
	for i, x := range xs {
		switch {
		case p.posted[x.ID] != nil:
			fates[i] = records.ErrStored
		case x.Service == "off":
			fates[i] = records.ErrOff
		default:
			fates[i] = p.fault["commit"]
		}
		if fates[i] == nil {
			if p.posted == nil {
				p.posted = map[string]*records.Exchange{}
			}
			p.posted[x.ID] = x
		}
	}
	return fates, nil
}

func (r recordReader) Each(ctx context.Context, f records.Filter, visit func(*records.Exchange) error) ([]string, error) {
	f.Limit = 1000
	page, err := r.List(ctx, f)
	for i := range page.Records {
		if err := visit(&page.Records[i]); err != nil {
			return nil, err
		}
	}
	return []string{"day file é is damaged"}, err
}

// newTestServer serves a handler until the test ends.
func newTestServer(t testing.TB, h http.Handler) (url string) {
	srv := httptest.NewServer(h)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(srv.Close)
	return srv.URL
}

func (p postbox) Label(_ context.Context, id string, labels []records.Label) error {
	for _, l := range labels {
		p.record("label " + id + " " + l.Name)
	}
	return p.fault["label"]
}
