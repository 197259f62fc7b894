package recorder

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"aictl/configs"
	"aictl/store/records"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{}
		r := start(t, store, Options{BatchRecords: 4, BatchBytes: 64 << 10})
		for n := range 9 {
			record(r, "a", nil)
			if n%4 == 3 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		if got := store.sizes(); !slices.Equal(got, []int{4, 4}) {
			t.Errorf("full batches: %v, want two of 4", got)
		}
		time.Sleep(99 * time.Millisecond)
		synctest.Wait()
		if n := len(store.all()); n != 8 {
			t.Errorf("%d records before the delay has passed, want 8", n)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if n := len(store.all()); n != 9 {
			t.Errorf("%d records after the delay, want 9", n)
		}
		record(r, "a", make([]byte, 40<<10))
		record(r, "a", make([]byte, 40<<10))
		synctest.Wait()
		if got := store.sizes(); !slices.Equal(got, []int{4, 4, 1, 1}) {
			t.Errorf("batches cut by bytes: %v", got)
		}
	})
}

// What comes while a commit takes its time goes into the next one, up to four times what makes one due.
func TestSlowCommitsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		goOn := make(chan struct{})
		store := &memory{fault: func(int, []*records.Exchange) error { <-goOn; return nil }}
		r := start(t, store, Options{BatchRecords: 4})
		for n := range 44 {
			record(r, "a", nil)
			if n == 3 {
				synctest.Wait() // the first are being committed
			}
		}
		close(goOn)
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := store.sizes(); !slices.Equal(got, []int{4, 16, 16, 8}) {
			t.Errorf("%v", got)
		}
	})
}

func TestStoreFailureIsRetriedThenCountedThenRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, log := &memory{}, &logs{}
		r := start(t, store, Options{Logger: log.logger()})
		put := func(n int) {
			for range n {
				record(r, "a", nil)
			}
			if err := r.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		store.setFault(func(call int, _ []*records.Exchange) error {
			if call <= 2 {
				return errDisk
			}
			return nil
		})
		put(1)
		wantLedger(t, r.Ledger(), records.Ledger{Accepted: 1, Recorded: 1})

		store.setFault(func(int, []*records.Exchange) error { return errDisk })
		put(2)
		put(2)
		put(2)
		wantLedger(t, r.Ledger(), records.Ledger{Accepted: 7, Recorded: 1, Dropped: map[string]int64{DropDisk: 6}})
		if n := log.count("records cannot be written"); n != 1 {
			t.Errorf("%d lines about one outage", n)
		}

		store.setFault(nil)
		put(1)
		wantLedger(t, r.Ledger(), records.Ledger{Accepted: 8, Recorded: 2, Dropped: map[string]int64{DropDisk: 6}})
		if log.count("records are written again") != 1 || log.count("dropped=6") != 1 {
			t.Errorf("recovery not logged with its loss:\n%s", log.buf.String())
		}
	})
}

// One exchange that the store cannot take does not take its batch with it.
func TestPoisonedBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memory{fault: func(_ int, batch []*records.Exchange) error {
			if slices.ContainsFunc(batch, func(x *records.Exchange) bool { return x.Service == "poison" }) {
				return errors.New("string too large")
			}
			return nil
		}}
		r := start(t, store, Options{})
		for _, name := range []string{"a", "poison", "b", "c"} {
			record(r, name, nil)
		}
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantLedger(t, r.Ledger(), records.Ledger{Accepted: 4, Recorded: 3, Dropped: map[string]int64{DropRejected: 1}})
	})
}

func TestShutdownWritesWhatHasEnded(t *testing.T) {
	r := New(&memory{}, Options{BatchDelay: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	for range 1000 {
		record(r, "a", []byte("x"))
	}
	late := admit(r, "a")
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	late.End(&records.Exchange{})
	wantLedger(t, r.Ledger(), records.Ledger{Accepted: 1001, Recorded: 1000, Dropped: map[string]int64{DropShutdown: 1}})
	if err := r.Run(t.Context()); !errors.Is(err, ErrRunning) {
		t.Errorf("Run after its end: %v", err)
	}
}

func TestCloseWithoutRunWritesToo(t *testing.T) {
	r := New(&memory{}, Options{})
	record(r, "a", nil)
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantLedger(t, r.Ledger(), records.Ledger{Accepted: 1, Recorded: 1})
	if err := r.Run(t.Context()); err != nil {
		t.Errorf("Run that came after Close: %v", err)
	}
}

func TestCloseAndFlushGiveUpWithTheirContext(t *testing.T) {
	var hung atomic.Bool
	release := make(chan struct{})
	r := start(t, &memory{fault: func(int, []*records.Exchange) error { hung.Store(true); <-release; return nil }}, Options{})
	record(r, "a", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Flush(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Flush: %v", err)
	}
	waitFor(t, "the store to hang", hung.Load)
	if err := r.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close: %v", err)
	}
	wantLedger(t, r.Ledger(), records.Ledger{Accepted: 1, InFlight: 1})
	close(release)
	if err := r.Close(t.Context()); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestModes(t *testing.T) {
	store := &memory{}
	r := start(t, store, Options{})
	for name, rec := range map[string]configs.Record{"off": {Mode: "off"}, "bare": {Mode: "normal", Bodies: "none"}} {
		if err := r.Configure(name, rec); err != nil {
			t.Fatal(err)
		}
	}
	if tk := admit(r, "off"); tk != nil {
		t.Error("a service with mode off got a ticket")
	}
	tk := admit(r, "bare")
	if tk.Hold(1) {
		t.Error("a service with bodies none may hold a body")
	}
	tk.End(&records.Exchange{Request: records.Message{Size: 3, Body: []byte("abc")}})
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	x := store.all()[0]
	if x.Request.Body != nil || !x.Request.Omitted || x.Response.Omitted {
		t.Errorf("request %+v, response %+v", x.Request, x.Response)
	}
	wantLedger(t, r.Ledger(), records.Ledger{Accepted: 1, Recorded: 1})
}

type appenderFunc func([]*records.Exchange) error

func (f appenderFunc) Append(b []*records.Exchange) error { return f(b) }

// BenchmarkRecorder is the pipeline without a store: admit, hold, queue, batch, settle.
func BenchmarkRecorder(b *testing.B) {
	r := New(appenderFunc(func([]*records.Exchange) error { return nil }), Options{})
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(b.Context())
	go func() { done <- r.Run(ctx) }()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			record(r, "a", make([]byte, 400))
		}
	})
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(r.Ledger().Recorded)/float64(b.N), "recorded/op")
}
