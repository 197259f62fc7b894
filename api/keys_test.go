package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"aictl/gateway"
	"aictl/store"
)

// fakeKeys keeps keys in memory.
type fakeKeys struct{ keys []store.APIKey }

func (f *fakeKeys) Keys(context.Context) ([]store.APIKey, error) { return f.keys, nil }

func (f *fakeKeys) CreateKey(_ context.Context, k store.APIKey) error {
	if k.Service == "nope" {
		return fmt.Errorf("create API key %s: %w", k.Name, store.ErrNotFound)
	}
	if slices.ContainsFunc(f.keys, func(o store.APIKey) bool { return o.Name == k.Name }) {
		return fmt.Errorf("create API key %s: %w", k.Name, store.ErrConflict)
	}
	f.keys = append(f.keys, k)
	return nil
}

func (f *fakeKeys) RevokeKey(_ context.Context, name string) error {
	i := slices.IndexFunc(f.keys, func(k store.APIKey) bool { return k.Name == name })
	if i < 0 {
		return fmt.Errorf("revoke API key %s: %w", name, store.ErrNotFound)
	}
	f.keys = slices.Delete(f.keys, i, i+1)
	return nil
}

func TestKeys(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	keys := &fakeKeys{}
	s := &Server{deps: Deps{Keys: keys, Now: func() time.Time { return now }}}
	s.log = slog.New(slog.DiscardHandler)
	for _, tc := range []struct {
		name string
		req  KeyRequest
		want string // of the error
	}{
		{"no service", KeyRequest{Name: "a"}, "body.service"},
		{"both", KeyRequest{Name: "a", Service: "ocr", All: true}, "body.all"},
		{"past", KeyRequest{Name: "a", All: true, ExpiresAt: now}, "body.expires_at"},
		{"burst alone", KeyRequest{Name: "a", All: true, Burst: 3}, "body.burst"},
		{"rate", KeyRequest{Name: "a", All: true, Rate: "fast"}, "body.rate"},
		{"unknown service", KeyRequest{Name: "a", Service: "nope"}, "not found"},
		{"good", KeyRequest{Name: "a", Service: "ocr", ExpiresAt: now.Add(time.Hour), Rate: "100/s", Burst: 5}, ""},
		{"taken", KeyRequest{Name: "a", All: true}, "conflict"},
	} {
		doc, err := s.createKey(t.Context(), &keyInput{Body: tc.req})
		if tc.want != "" {
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: %v", tc.name, err)
			}
			continue
		}
		if err != nil || !strings.HasPrefix(doc.Secret, gateway.KeyPrefix) || len(doc.Secret) != len(gateway.KeyPrefix)+43 || !strings.HasSuffix(doc.Secret, doc.Key.Hint) {
			t.Errorf("%s: %+v, %v", tc.name, doc, err)
		}
		if keys.keys[0].Hash != gateway.HashKey(doc.Secret) || strings.Contains(fmt.Sprint(keys.keys), doc.Secret) {
			t.Error("what is stored is not the digest alone")
		}
	}
	list, err := s.listKeys(t.Context(), nil)
	if err != nil || len(list.Keys) != 1 || list.Keys[0].Rate != "100/1s" || list.Keys[0].Burst != 5 || list.Keys[0].Expired {
		t.Errorf("%+v, %v", list, err)
	}
	now = now.Add(time.Hour)
	if list, err = s.listKeys(t.Context(), nil); err != nil || !list.Keys[0].Expired {
		t.Errorf("%+v, %v", list, err)
	}
	if doc, err := s.revokeKey(t.Context(), &keyNameInput{Name: "a"}); err != nil || doc.Key.Service != "ocr" {
		t.Errorf("%+v, %v", doc, err)
	}
	_, err = s.revokeKey(t.Context(), &keyNameInput{Name: "a"})
	if p := s.problemOf(err); p.Status != http.StatusNotFound {
		t.Errorf("revoked twice: %v", p)
	}
}

func TestLimitsMetrics(t *testing.T) {
	ch := make(chan prometheus.Metric, 10)
	collectLimits(ch, map[string]gateway.Limits{"ocr": {Waiting: 2, Waited: 3, WaitTime: 1500 * time.Millisecond, Refused: map[string]int64{"rate": 4}}})
	close(ch)
	n := 0
	for range ch {
		n++
	}
	if n != 4 {
		t.Errorf("%d metrics", n)
	}
}
