package sinks

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"aictl/store/records"
)

func TestEverythingIsDeliveredInOrder(t *testing.T) {
	a, to := newArchive(), newServer()
	a.add("2026-11-20", exchanges("ocr", 0, 25)...)
	keep := &cursors{saved: map[string]Cursor{}}
	s := New(a, keep, to.target, quick)
	s.Set([]Config{config("pg")})
	stop := running(t, s)
	eventually(t, "the first 25", func() bool { return len(to.ids()) == 25 })
	a.add("2026-11-21", exchanges("ocr", 25, 13)...)
	eventually(t, "all 38, idle", func() bool {
		st := statusOf(s, "pg")
		return st.State == StateIdle && st.Sent == 38 && st.Behind == 0
	})
	wantIDs(t, to.ids(), 38)
	stop()
	if got := keep.saved["pg"]; got.Sent != 38 || got.Position["2026-11-20"] != 25 || got.Position["2026-11-21"] != 13 {
		t.Errorf("cursor %+v", got)
	}
	if to.open != 0 {
		t.Errorf("%d connections left open", to.open)
	}

	// The next program goes on where this one stopped.
	a.add("2026-11-21", exchanges("ocr", 38, 2)...)
	next := New(a, keep, to.target, quick)
	next.Set([]Config{config("pg")})
	running(t, next)
	eventually(t, "the last two", func() bool { return statusOf(next, "pg").Sent == 40 })
	if wantIDs(t, to.ids(), 40); to.offered != 40 {
		t.Errorf("%d offered: something was sent twice without need", to.offered)
	}
}

// TestNothingIsLostOrDoubled lets everything fail at random: reading, writing before and after the data is there, and
// keeping the cursor, with stops in between.
func TestNothingIsLostOrDoubled(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			chance := rand.New(rand.NewPCG(seed, 7))
			a, to := newArchive(), newServer()
			keep := &cursors{saved: map[string]Cursor{}}
			to.write = func([]*Record) (bool, error) {
				switch chance.IntN(5) {
				case 0:
					return false, errDown
				case 1:
					return true, errDown // the answer was lost, the data not
				}
				return true, nil
			}
			failing := rand.New(rand.NewPCG(seed, 8))
			keep.fail = func() error {
				if failing.IntN(5) == 0 {
					return errors.New("disk full")
				}
				return nil
			}
			const n = 200
			for i := 0; i < n; i += 40 {
				a.add(fmt.Sprintf("2026-11-%02d", 10+i/80), exchanges("ocr", i, 40)...)
				s := New(a, keep, to.target, quick)
				s.Set([]Config{config("pg")})
				stop := running(t, s)
				eventually(t, "some progress", func() bool { return len(to.ids()) > i+int(seed)%40 })
				stop()
			}
			s := New(a, keep, to.target, quick)
			s.Set([]Config{config("pg")})
			running(t, s)
			eventually(t, "everything", func() bool { return statusOf(s, "pg").Sent == n })
			wantIDs(t, to.ids(), n)
		})
	}
}

func TestAFailureIsShownWithoutThePassword(t *testing.T) {
	a, to := newArchive(), newServer()
	a.add("2026-11-21", exchanges("ocr", 0, 3)...)
	to.prepare = func() error { return errDown }
	slow := quick
	slow.Backoff, slow.Longest = time.Hour, time.Hour
	s := New(a, &cursors{saved: map[string]Cursor{}}, to.target, slow)
	s.Set([]Config{config("pg")})
	running(t, s)
	eventually(t, "retrying", func() bool { return statusOf(s, "pg").State == StateRetrying && statusOf(s, "pg").Behind == 3 })
	st := statusOf(s, "pg")
	if text := st.Error + st.URL; strings.Contains(text, "geheim") || !strings.Contains(text, "refused") || st.Attempts != 1 || time.Until(st.RetryAt) < 20*time.Minute {
		t.Errorf("status %+v", st)
	}
	if err := s.Test(context.Background(), "pg"); err == nil || strings.Contains(err.Error(), "geheim") {
		t.Errorf("test: %v", err)
	}
	to.mu.Lock()
	to.prepare = nil
	to.mu.Unlock()
	if err := s.Retry("pg"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "delivery after the retry", func() bool { st := statusOf(s, "pg"); return st.Sent == 3 && st.Error == "" && st.Attempts == 0 })
	if err := s.Test(context.Background(), "pg"); err != nil {
		t.Errorf("test: %v", err)
	}
	a.setFail(errors.New("disk broken"))
	eventually(t, "the records cannot be read", func() bool {
		st := statusOf(s, "pg")
		return st.State == StateRetrying && strings.Contains(st.Error, "read records: disk broken")
	})
	for _, err := range []error{s.Retry("other"), s.Test(context.Background(), "other"), s.Rewind(context.Background(), "other", FromNow)} {
		if !errors.Is(err, ErrUnknown) {
			t.Errorf("unknown sink: %v", err)
		}
	}
}

func TestWhatIsRefusedGoesByReferenceAlone(t *testing.T) {
	a, to := newArchive(), newServer()
	xs := exchanges("ocr", 0, 30)
	xs[17].Response.Body = []byte("too large")
	a.add("2026-11-21", xs...)
	to.write = func(batch []*Record) (bool, error) {
		for _, r := range batch {
			if string(r.Response.Data) == "too large" {
				return false, fmt.Errorf("%w: message too large", ErrRefused)
			}
		}
		return true, nil
	}
	s := New(a, &cursors{saved: map[string]Cursor{}}, to.target, quick)
	s.Set([]Config{config("kafka")})
	running(t, s)
	eventually(t, "all 30", func() bool { return statusOf(s, "kafka").Sent == 30 })
	wantIDs(t, to.ids(), 30)
	for id, r := range to.records {
		want := StateFull
		if id == xs[17].ID {
			want = StateReference
		}
		if r.Response.State != want || (want == StateReference) != (r.Response.Ref == "/api/v1/records/"+id+"#response") {
			t.Errorf("%s: %+v", id, r.Response)
		}
	}
}

func TestARecordThatIsNeverTakenStopsTheSinkAndNothingIsSkipped(t *testing.T) {
	a, to := newArchive(), newServer()
	a.add("2026-11-21", exchanges("ocr", 0, 12)...)
	bad := exchanges("ocr", 5, 1)[0].ID
	to.write = func(batch []*Record) (bool, error) {
		for _, r := range batch {
			if r.ID == bad {
				return false, fmt.Errorf("%w: not even so", ErrRefused)
			}
		}
		return true, nil
	}
	keep := &cursors{saved: map[string]Cursor{}}
	s := New(a, keep, to.target, quick)
	s.Set([]Config{config("pg")})
	running(t, s)
	eventually(t, "stuck, twice", func() bool { st := statusOf(s, "pg"); return st.State == StateStuck && st.Attempts > 1 })
	if st := statusOf(s, "pg"); !strings.Contains(st.Error, bad) || st.Sent != 0 {
		t.Errorf("status %+v", st)
	}
	to.mu.Lock()
	to.write = nil
	to.mu.Unlock()
	eventually(t, "delivered after all", func() bool { return statusOf(s, "pg").Sent == 12 })
}

func TestServicesAreChosen(t *testing.T) {
	a, to := newArchive(), newServer()
	a.add("2026-11-21", append(exchanges("ocr", 0, 5), append(exchanges("text-a", 5, 5), exchanges("text-b", 10, 5)...)...)...)
	c := config("pg")
	c.Services = []string{"text-*"}
	s := New(a, &cursors{saved: map[string]Cursor{}}, to.target, quick)
	s.Set([]Config{c})
	running(t, s)
	eventually(t, "ten", func() bool { return statusOf(s, "pg").Sent == 10 })
	if ids := to.ids(); ids[0] != "id-000005" {
		t.Errorf("delivered %v", ids)
	}
}

func TestFromNowAndRewind(t *testing.T) {
	a, to := newArchive(), newServer()
	a.add("2026-11-21", exchanges("ocr", 0, 5)...)
	c := config("pg")
	c.From = FromNow
	s := New(a, &cursors{saved: map[string]Cursor{}}, to.target, quick)
	s.Set([]Config{c})
	running(t, s)
	eventually(t, "idle", func() bool { return statusOf(s, "pg").State == StateIdle })
	a.add("2026-11-21", exchanges("ocr", 5, 1)...)
	eventually(t, "the new one", func() bool { return statusOf(s, "pg").Sent == 1 })
	if err := s.Rewind(context.Background(), "pg", FromBeginning); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all six", func() bool { return len(to.ids()) == 6 })
	if err := s.Rewind(context.Background(), "pg", FromNow); err != nil {
		t.Fatal(err)
	}
	a.add("2026-11-21", exchanges("ocr", 6, 1)...)
	eventually(t, "the seventh", func() bool { return len(to.ids()) == 7 })
}

func TestWhatRetentionTookIsCounted(t *testing.T) {
	a, to := newArchive(), newServer()
	to.prepare = func() error { return errDown }
	a.add("2026-11-20", exchanges("ocr", 0, 4)...)
	a.add("2026-11-21", exchanges("ocr", 4, 3)...)
	keep := &cursors{saved: map[string]Cursor{}}
	s := New(a, keep, to.target, quick)
	s.Set([]Config{config("pg")})
	stop := running(t, s)
	eventually(t, "seven behind", func() bool { return statusOf(s, "pg").Behind == 7 })
	a.remove("2026-11-20")
	eventually(t, "four missed", func() bool { return statusOf(s, "pg").Missed == 4 })
	to.mu.Lock()
	to.prepare = nil
	to.mu.Unlock()
	eventually(t, "the rest", func() bool { return statusOf(s, "pg").Sent == 3 })
	stop()
	if got := keep.saved["pg"]; got.Missed != 4 {
		t.Errorf("not kept: %+v", got)
	}
}

func TestSetKeepsWhatStaysAsItIs(t *testing.T) {
	a, to := newArchive(), newServer()
	s := New(a, &cursors{saved: map[string]Cursor{}}, to.target, quick)
	one, two := config("one"), config("two")
	s.Set([]Config{one, two})
	stop := running(t, s)
	eventually(t, "both", func() bool { return statusOf(s, "one").State == StateIdle && statusOf(s, "two").State == StateIdle })
	first := s.runners["one"]
	two.Batch = 3
	s.Set([]Config{one, two})
	if s.runners["one"] != first || s.runners["two"].cfg.Batch != 3 {
		t.Error("the wrong one was started again")
	}
	s.Set([]Config{two})
	if st := s.Status(); len(st) != 1 || st[0].Name != "two" {
		t.Errorf("%+v", st)
	}
	stop()
	if to.open != 0 {
		t.Errorf("%d connections left open", to.open)
	}
}

func TestBodies(t *testing.T) {
	whole, none := [32]byte{1}, [32]byte{}
	for name, c := range map[string]struct {
		message records.Message
		bodies  string
		want    Body
	}{
		"whole":      {records.Message{Body: []byte("abc"), SHA256: whole}, BodiesFull, Body{Data: []byte("abc"), State: StateFull}},
		"empty":      {records.Message{SHA256: whole}, BodiesReference, Body{State: StateFull}},
		"long":       {records.Message{Body: []byte("abcdef"), SHA256: whole}, BodiesFull, Body{State: StateReference, Ref: "/api/v1/records/x#request"}},
		"reference":  {records.Message{Body: []byte("abc"), SHA256: whole}, BodiesReference, Body{State: StateReference, Ref: "/api/v1/records/x#request"}},
		"none":       {records.Message{Body: []byte("abc"), SHA256: whole}, BodiesNone, Body{State: StateNone}},
		"truncated":  {records.Message{Body: []byte("abc"), SHA256: whole, Truncated: true}, BodiesFull, Body{Data: []byte("abc"), State: StateTruncated}},
		"masked":     {records.Message{Body: []byte("abc"), SHA256: none}, BodiesFull, Body{Data: []byte("abc"), State: StateMasked}},
		"omitted":    {records.Message{SHA256: whole, Omitted: true}, BodiesFull, Body{State: StateOmitted}},
		"erased":     {records.Message{SHA256: whole, Erased: true}, BodiesFull, Body{State: StateErased}},
		"erased too": {records.Message{SHA256: whole, Erased: true}, BodiesNone, Body{State: StateErased}},
	} {
		got := Config{Bodies: c.bodies, MaxBody: 5}.body("x", "request", &c.message)
		if string(got.Data) != string(c.want.Data) || got.State != c.want.State || got.Ref != c.want.Ref {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestMasked(t *testing.T) {
	for in, want := range map[string]string{
		"postgres://aictl:geheim@db:5432/x?sslmode=require": "postgres://aictl:********@db:5432/x?sslmode=require",
		"kafka://a:9092,b:9092/t":                           "kafka://a:9092,b:9092/t",
		"postgres://db/x?password=geheim":                   "postgres://db/x?password=********",
		"postgres://%zz":                                    "an address that cannot be read",
	} {
		if got := Masked(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}
