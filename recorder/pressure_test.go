package recorder

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"aictl/configs"
	"aictl/store/records"
)

// crowd takes more than half of the memory and returns what gives it back.
func crowd(t *testing.T, r *Recorder) func() {
	t.Helper()
	n := r.mem.total.Load()/2 + 1
	if !r.mem.takeMeta(n) {
		t.Fatal("no memory")
	}
	return func() {
		r.mem.release(n)
		r.room.made()
	}
}

func configured(t *testing.T, opt Options, rec configs.Record) *Recorder {
	t.Helper()
	r := start(t, &memory{}, opt)
	if err := r.Configure("a", rec); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPressureRefuse(t *testing.T) {
	r := configured(t, Options{}, configs.Record{Pressure: "refuse"})
	giveBack := crowd(t, r)
	if _, err := r.Admit(t.Context(), records.Intent{Service: "a"}); !errors.Is(err, records.ErrNoRoom) {
		t.Errorf("with memory short: %v", err)
	}
	record(r, "other", nil) // a service that rather loses records
	giveBack()
	record(r, "a", nil)
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	l := r.Ledgers()["a"]
	if l.Accepted != 1 || l.Recorded != 1 || l.Refused[RefuseNoRoom] != 1 {
		t.Errorf("%+v", l)
	}
}

func TestPressureBlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := configured(t, Options{}, configs.Record{Pressure: "block"})
		giveBack := crowd(t, r)
		admitted := make(chan error, 1)
		ask := func(ctx context.Context) {
			tk, err := r.Admit(ctx, records.Intent{Service: "a"})
			if err == nil {
				tk.End(&records.Exchange{})
			}
			admitted <- err
		}
		go ask(t.Context())
		synctest.Wait()
		select {
		case err := <-admitted:
			t.Fatalf("admitted at once: %v", err)
		default:
		}
		giveBack()
		if err := <-admitted; err != nil {
			t.Errorf("with memory given back: %v", err)
		}

		giveBack = crowd(t, r)
		begun := time.Now()
		ask(t.Context())
		if err := <-admitted; !errors.Is(err, records.ErrNoRoom) || time.Since(begun) != blockTime {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun = time.Now()
		ask(ctx)
		if err := <-admitted; !errors.Is(err, records.ErrNoRoom) || time.Since(begun) != time.Second {
			t.Errorf("with a client that left: %v after %s", err, time.Since(begun))
		}
		giveBack()
		if l := r.Ledger(); l.Refused[RefuseNoRoom] != 2 || l.Accepted != 1 {
			t.Errorf("%+v", l)
		}
	})
}

// An audit exchange does not wait for company, and is told what became of it.
func TestCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		r := start(t, store, Options{BatchDelay: time.Hour, Backoff: []time.Duration{time.Second}})
		if err := r.Configure("a", configs.Record{Mode: "audit"}); err != nil {
			t.Fatal(err)
		}
		commit := func() error { return admit(r, "a").Commit(t.Context(), &records.Exchange{}) }
		begun := time.Now()
		if err := commit(); err != nil || time.Since(begun) != 0 || len(store.all()) != 1 {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		waiting := admit(r, "a")
		store.setFault(func(int, []*records.Exchange) error { return errDisk })
		if err := commit(); !errors.Is(err, records.ErrNotCommitted) || time.Since(begun) != time.Second {
			t.Errorf("%v after %s", err, time.Since(begun))
		}
		if _, err := r.Admit(t.Context(), records.Intent{Service: "a"}); !errors.Is(err, records.ErrNotCommitted) {
			t.Errorf("with a store that is known to fail: %v", err)
		}
		store.setFault(nil)
		if err := waiting.Commit(t.Context(), &records.Exchange{}); err != nil {
			t.Error(err)
		}
		if err := commit(); err != nil {
			t.Errorf("after the store has recovered: %v", err)
		}
		if l := r.Ledger(); l.Accepted != 4 || l.Recorded != 3 || l.Dropped[DropDisk] != 1 || l.Refused[RefuseNotCommitted] != 2 {
			t.Errorf("%+v", l)
		}
	})
}

// An audit record must be whole: when its bodies were given up, it does not count as committed.
func TestCommitWithoutBodies(t *testing.T) {
	r := configured(t, Options{QueueBytes: 8 * overhead}, configs.Record{Mode: "audit"})
	tk := admit(r, "a")
	if tk.Hold(100 * overhead) {
		t.Fatal("there is no room for that")
	}
	err := tk.Commit(t.Context(), &records.Exchange{Response: records.Message{Size: 100 * overhead, Omitted: true}})
	if !errors.Is(err, records.ErrNotCommitted) {
		t.Error(err)
	}
}

// Whatever the machine's clock does, an id tells the time its record tells; while the clock runs on, ids ascend.
func TestIDsFollowTheirRecords(t *testing.T) {
	var c clock
	base := time.Date(2026, 3, 1, 23, 59, 59, 999_900_000, time.UTC)
	last := ""
	for i := range 10_000 { // over midnight, many in the same microsecond
		id := c.next(base.Add(time.Duration(i/10) * time.Microsecond))
		if text := id.String(); text <= last {
			t.Fatalf("%s after %s", text, last)
		} else {
			last = text
		}
	}
	for _, step := range []time.Duration{-time.Hour, 2 * time.Hour, -300 * 24 * time.Hour, 1000 * 24 * time.Hour} {
		base = base.Add(step)
		id := c.next(base)
		sec, nsec := id.Time().UnixTime()
		if away := time.Unix(sec, nsec).Sub(base).Abs(); id.Version() != 7 || away > 2*time.Second {
			t.Errorf("after a step of %s the id is %s away", step, away)
		}
	}
}
