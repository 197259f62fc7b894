package main

import (
	"strings"
	"testing"
	"time"

	"aictl/api"
)

func TestParseExpiry(t *testing.T) {
	now := time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"30d":        now.AddDate(0, 0, 30),
		"12h":        now.Add(12 * time.Hour),
		"90m":        now.Add(90 * time.Minute),
		"2031-01-01": time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		if got, err := parseExpiry(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0d", "-3d", "0s", "-5m", "yesterday", "2029-12-31", "999999d"} {
		if got, err := parseExpiry(text, now); err == nil {
			t.Errorf("%q: %s", text, got)
		}
	}
}

func TestKeysList(t *testing.T) {
	s := newServer(t)
	s.answer("GET /api/v1/keys", api.KeyList{SchemaVersion: 1, Keys: []api.Key{
		{Name: "batch", Hint: "wxyz", Rate: "100/1s", Burst: 20, CreatedAt: time.Now()},
		{Name: "web", Service: "ocr", Hint: "abcd", CreatedAt: time.Now(), ExpiresAt: time.Now().Add(-time.Hour), Expired: true},
		{Name: "other", Service: "tts", Hint: "efgh", CreatedAt: time.Now()},
	}})
	r := s.run(t, "keys", "list", "ocr")
	for _, want := range []string{"batch", "(all)", "…wxyz", "100/1s +20", "never", "web"} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q in\n%s", want, r.out)
		}
	}
	if strings.Contains(r.out, "other") {
		t.Errorf("keys of another service:\n%s", r.out)
	}
}
