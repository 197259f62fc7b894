package recorder

import (
	"context"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"aictl/store/records"
)

// However the store fails and whenever it is asked, accepted = recorded + dropped + in flight, and recorded is what the store has.
func TestLedgerBalancesUnderRandomFaults(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		odds := rng.IntN(3) // of failing: never, sometimes, often
		store := &memory{fault: func(int, []*records.Exchange) error {
			if rng.IntN(4) < odds {
				return errDisk
			}
			return nil
		}}
		r := New(store, Options{QueueBytes: 64 << 10, BatchRecords: 7, BatchDelay: time.Millisecond,
			Backoff: []time.Duration{time.Microsecond}, Logger: (&logs{}).logger()})
		ran := make(chan error, 1)
		go func() { ran <- r.Run(context.Background()) }()

		stop := make(chan struct{})
		var watch, work sync.WaitGroup
		watch.Go(func() { watchBalance(t, r, stop) })
		for k := range 4 {
			name := []string{"ocr", "trend"}[k%2]
			work.Go(func() {
				local := rand.New(rand.NewPCG(seed, uint64(k)))
				for range 200 {
					record(r, name, make([]byte, local.IntN(4<<10)))
				}
			})
		}
		work.Wait()
		if err := r.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		close(stop)
		watch.Wait()
		if err := <-ran; err != nil {
			t.Fatal(err)
		}
		l := r.Ledger()
		if l.Accepted != 800 || l.InFlight != 0 || !balanced(l) {
			t.Errorf("seed %d: %+v", seed, l)
		}
		if got := len(store.all()); int64(got) != l.Recorded {
			t.Errorf("seed %d: store has %d, ledger says %d", seed, got, l.Recorded)
		}
		if held := r.HeldBytes(); held != 0 {
			t.Errorf("seed %d: %d bytes still held", seed, held)
		}
	}
}

func watchBalance(t *testing.T, r *Recorder, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		if l := r.Ledger(); !balanced(l) {
			t.Errorf("unbalanced: %+v", l)
			return
		}
		runtime.Gosched()
	}
}

func TestLedgersPerService(t *testing.T) {
	r := start(t, &memory{}, Options{})
	record(r, "a", nil)
	record(r, "b", nil)
	record(r, "b", nil)
	open := admit(r, "b")
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := r.Ledgers()
	wantLedger(t, all["a"], records.Ledger{Accepted: 1, Recorded: 1})
	wantLedger(t, all["b"], records.Ledger{Accepted: 3, Recorded: 2, InFlight: 1})
	wantLedger(t, r.Ledger(), records.Ledger{Accepted: 4, Recorded: 3, InFlight: 1})
	open.End(&records.Exchange{})
	open.End(&records.Exchange{})
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantLedger(t, r.Ledger(), records.Ledger{Accepted: 4, Recorded: 4})
}

func TestIDsSortByArrival(t *testing.T) {
	r := New(&memory{}, Options{})
	var ids []string
	for range 1000 {
		ids = append(ids, admit(r, "a").ID())
	}
	if !slices.IsSorted(ids) || len(slices.Compact(ids)) != 1000 {
		t.Error("ids are not unique and ascending")
	}
}

// A store that hangs while large bodies pour in: bodies go first, then records, and memory stays within the budget.
func TestMemoryIsBounded(t *testing.T) {
	const budget = 16 << 20
	release := make(chan struct{})
	store := &memory{fault: func(int, []*records.Exchange) error { <-release; return nil }}
	r := start(t, store, Options{QueueBytes: budget, BatchRecords: 4})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 1000 {
		tk := admit(r, "big")
		x := &records.Exchange{Request: records.Message{Size: 1 << 20}}
		if tk.Hold(1 << 20) {
			x.Request.Body = make([]byte, 1<<20)
		}
		tk.End(x)
		if held := r.HeldBytes(); held > budget {
			t.Fatalf("%d bytes held, budget is %d", held, budget)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > budget+4<<20 {
		t.Errorf("heap grew by %d bytes, budget is %d", grown, budget)
	}
	close(release)
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	bare := int64(0)
	for _, x := range store.all() {
		if x.Request.Omitted {
			bare++
		}
	}
	if bare < 980 || bare == 1000 {
		t.Errorf("%d of 1000 records without bodies; the budget holds 13 bodies", bare)
	}
	wantLedger(t, r.Ledger(), records.Ledger{Accepted: 1000, Recorded: 1000, NoBody: bare})
}

func TestRecordsAreDroppedWhenEvenMetadataDoesNotFit(t *testing.T) {
	release := make(chan struct{})
	store := &memory{fault: func(int, []*records.Exchange) error { <-release; return nil }}
	r := start(t, store, Options{QueueBytes: 10 * overhead})
	for range 50 {
		record(r, "a", nil)
	}
	close(release)
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantLedger(t, r.Ledger(), records.Ledger{Accepted: 50, Recorded: 10, Dropped: map[string]int64{DropQueueFull: 40}})
}

// An exchange that got its body before the others took the rest gives the body up rather than being dropped.
func TestBodyIsGivenUpForItsOwnRecord(t *testing.T) {
	r := New(&memory{}, Options{QueueBytes: 8 * overhead})
	tk := admit(r, "a")
	if !tk.Hold(7 * overhead) {
		t.Fatal("no room for the body")
	}
	if !r.mem.takeMeta(overhead) {
		t.Fatal("no room left for metadata")
	}
	x := &records.Exchange{Request: records.Message{Body: make([]byte, 7*overhead), Size: 7 * overhead}}
	tk.End(x)
	if x.Request.Body != nil || !x.Request.Omitted {
		t.Error("the body was kept")
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantLedger(t, r.Ledger(), records.Ledger{Accepted: 1, Recorded: 1, NoBody: 1})
}
