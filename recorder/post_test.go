package recorder

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"aictl/configs"
	"aictl/store/records"
)

func posted(service, body string) *records.Exchange {
	return &records.Exchange{ID: uuid.Must(uuid.NewV7()).String(), Service: service, StartedAt: time.Now(), End: records.EndComplete,
		Request: records.Message{Header: http.Header{"Authorization": {"secret"}}, Body: []byte(body), Size: int64(len(body))}}
}

func configure(t *testing.T, r *Recorder, service string, rec configs.Record) {
	t.Helper()
	if err := r.Configure(service, rec); err != nil {
		t.Fatal(err)
	}
}

// TestPost: each exchange has its own fate, under the policy of its service, and the ledger has all that were taken.
func TestPost(t *testing.T) {
	to := &memory{}
	r := start(t, to, Options{QueueBytes: 1 << 20})
	configure(t, r, "off", configs.Record{Mode: "off"})
	configure(t, r, "bare", configs.Record{Bodies: "none"})
	configure(t, r, "short", configs.Record{MaxBody: 3})
	configure(t, r, "masked", configs.Record{Redact: []string{"$.key"}})
	xs := []*records.Exchange{posted("off", "x"), posted("bare", "hidden"), posted("short", "abcdef"),
		posted("masked", `{"key":"planted"}`), posted("huge", string(make([]byte, 2<<20)))}
	fates, err := r.Post(t.Context(), xs)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []error{records.ErrOff, nil, nil, nil, records.ErrBadRecord} {
		if !errors.Is(fates[i], want) || (want == nil) != (fates[i] == nil) {
			t.Errorf("%s: %v, want %v", xs[i].Service, fates[i], want)
		}
	}
	stored := map[string]*records.Exchange{}
	for _, x := range to.all() {
		stored[x.Service] = x
	}
	if len(stored) != 3 {
		t.Fatalf("stored %d", len(stored))
	}
	if m := stored["bare"].Request; m.Body != nil || !m.Omitted || m.Size != 6 {
		t.Errorf("bodies: none kept %+v", m)
	}
	if m := stored["short"].Request; string(m.Body) != "abc" || !m.Truncated || m.Size != 6 {
		t.Errorf("max_body kept %+v", m)
	}
	if m := stored["masked"].Request; string(m.Body) != `{"key":"[redacted]"}` || m.Header.Get("Authorization") != Masked {
		t.Errorf("not masked: %s %v", m.Body, m.Header)
	}
	if l := r.Ledger(); l.Accepted != 3 || l.Recorded != 3 || l.InFlight != 0 {
		t.Errorf("ledger %+v", l)
	}
	if n := r.HeldBytes(); n != 0 {
		t.Errorf("%d bytes are still held", n)
	}
}

// TestPostRefused: a store that fails, a writer that hangs, and a recorder that has closed.
func TestPostRefused(t *testing.T) {
	to := &memory{}
	r := start(t, to, Options{QueueBytes: 64 << 10, Backoff: []time.Duration{}})
	to.setFault(func(int, []*records.Exchange) error { return errDisk })
	fates, err := r.Post(t.Context(), []*records.Exchange{posted("a", "x"), posted("a", "y")})
	if err != nil || !errors.Is(fates[0], records.ErrNotCommitted) || !errors.Is(fates[1], records.ErrNotCommitted) {
		t.Errorf("full disk: %v %v", fates, err)
	}
	to.setFault(nil)
	r.mem.takeBody(50 << 10) // somebody else holds nearly all
	fates, err = r.Post(t.Context(), []*records.Exchange{posted("a", string(make([]byte, 10<<10)))})
	if err != nil || !errors.Is(fates[0], records.ErrNoRoom) {
		t.Errorf("no memory: %v %v", fates, err)
	}
	r.mem.release(50 << 10)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	to.setFault(func(int, []*records.Exchange) error { <-t.Context().Done(); return nil })
	if _, err = r.Post(gone, []*records.Exchange{posted("a", "z")}); !errors.Is(err, context.Canceled) {
		t.Errorf("the poster has left: %v", err)
	}
	r.beginClose()
	fates, err = r.Post(context.WithoutCancel(t.Context()), []*records.Exchange{posted("a", "x")})
	if err != nil || !errors.Is(fates[0], records.ErrNoRoom) {
		t.Errorf("closed: %v %v", fates, err)
	}
	if l := r.Ledger(); l.Accepted != l.Recorded+l.InFlight+l.Dropped[DropDisk]+l.Dropped[DropShutdown] {
		t.Errorf("ledger %+v", l)
	}
}
