package intents

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aictl/store/records"

	"github.com/google/uuid"
)

func open(t testing.TB, root string) *Journal {
	t.Helper()
	return Open(root, slog.New(slog.DiscardHandler))
}

func newEntry(service, path string) *Entry {
	return &Entry{Intent: Intent{ID: uuid.Must(uuid.NewV7()), Service: service, Method: "POST", Path: path,
		TraceID: "0af7651916cd43dd8448eb211c80319c", Session: "s-1", Start: time.Unix(1700000000, 123456789).UTC()}}
}

// kill lets go of a journal the way a killed process does: its files stay as they are.
func kill(t testing.TB, j *Journal) {
	t.Helper()
	j.closed = true
	if err := errors.Join(j.slots.close(), j.lock.Close()); err != nil {
		t.Fatal(err)
	}
}

// claimOnly claims the one journal whose process has ended.
func claimOnly(t testing.TB, j *Journal) *Ended {
	t.Helper()
	ended, _, err := j.Ended()
	if err != nil || len(ended) != 1 {
		t.Fatalf("%d journals, %v; want 1", len(ended), err)
	}
	return ended[0]
}

func closeOf(t testing.TB, j *Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

func TestWhatWasOpenIsFound(t *testing.T) {
	root := t.TempDir()
	j := open(t, root)
	stored, dropped, lost := newEntry("ocr", "/a"), newEntry("ocr", "/b"), newEntry("ocr", "/c")
	for _, e := range []*Entry{stored, dropped, lost} {
		j.Begin(e)
	}
	j.Settle([]Settled{{stored, NoBody}, {dropped, "disk"}})
	j.Refuse("ocr", "no_room")
	posted, coming := newEntry("ocr", ""), newEntry("ocr", "")
	j.Count(posted)
	j.Count(coming) // its sender will miss it
	j.Settle([]Settled{{posted, Recorded}})
	kill(t, j)

	next := open(t, root)
	defer closeOf(t, next)
	e := claimOnly(t, next)
	if len(e.Open) != 1 || e.Open[0] != lost.Intent {
		t.Fatalf("open: %+v\nwant  %+v", e.Open, lost.Intent)
	}
	if err := e.Settle([]Outcome{Crash}); err != nil {
		t.Fatal(err)
	}
	past, err := next.Past()
	if err != nil {
		t.Fatal(err)
	}
	want := records.Ledger{Accepted: 4, Recorded: 2, NoBody: 1, Dropped: map[string]int64{"disk": 1, Crash: 1}, Refused: map[string]int64{"no_room": 1}}
	if got := past["ocr"]; !equal(got, want) {
		t.Errorf("ledger %+v\nwant   %+v", got, want)
	}
	if again, _, err := next.Ended(); err != nil || len(again) != 0 {
		t.Errorf("%d journals are left, %v", len(again), err)
	}
}

func equal(a, b records.Ledger) bool {
	return a.Accepted == b.Accepted && a.Recorded == b.Recorded && a.InFlight == b.InFlight && a.NoBody == b.NoBody && a.Unlisted == b.Unlisted &&
		maps.Equal(a.Dropped, b.Dropped) && maps.Equal(a.Refused, b.Refused)
}

// A daemon that hands over lives on beside its successor, which must not take its requests for lost.
func TestALivingJournalIsNotTouched(t *testing.T) {
	root := t.TempDir()
	old, next := open(t, root), open(t, root)
	defer closeOf(t, next)
	e := newEntry("ocr", "/a")
	old.Begin(e)
	if ended, busy, err := next.Ended(); err != nil || len(ended) != 0 || busy != 1 {
		t.Fatalf("%d ended, %d busy, %v", len(ended), busy, err)
	}
	old.Settle([]Settled{{e, Recorded}})
	closeOf(t, old)
	if ended, busy, err := next.Ended(); err != nil || len(ended) != 0 || busy != 0 {
		t.Fatalf("%d ended, %d busy, %v", len(ended), busy, err)
	}
	past, err := next.Past()
	if err != nil || !equal(past["ocr"], records.Ledger{Accepted: 1, Recorded: 1}) {
		t.Errorf("%+v, %v", past, err)
	}
}

// Whatever happens in whatever order, after a kill the ledger balances and exactly what was not settled is open.
func TestRandomRuns(t *testing.T) {
	for round := range 6 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) { randomRun(t, rand.New(rand.NewPCG(seed, uint64(round)))) })
	}
}

func randomRun(t *testing.T, rng *rand.Rand) {
	root := t.TempDir()
	j := open(t, root)
	var running []*Entry
	var lasting []*Entry // days long
	for range 3 {
		e := newEntry("stream", "/ws")
		j.Begin(e)
		lasting = append(lasting, e)
	}
	path := strings.Repeat("x", rng.IntN(400))
	for range 20000 + rng.IntN(40000) {
		if len(running) > 0 && rng.IntN(100) < 45+rng.IntN(10) {
			n := 1 + rng.IntN(min(len(running), 20))
			batch := make([]Settled, n)
			for i, e := range running[:n] {
				batch[i] = Settled{e, outcomes[rng.IntN(len(outcomes))]}
			}
			running = running[n:]
			j.Settle(batch)
			continue
		}
		e := newEntry([]string{"a", "b", "c"}[rng.IntN(3)], path)
		running = append(running, e)
		if rng.IntN(20) == 0 {
			j.Count(e)
			continue
		}
		j.Begin(e)
	}
	files := len(j.slots.live) + len(j.slots.free)
	for _, e := range slices.Clone(running) {
		if e.counted { // nobody misses them after a kill
			j.Settle([]Settled{{e, Recorded}})
			running = slices.DeleteFunc(running, func(o *Entry) bool { return o == e })
		}
	}
	want := j.Totals()
	kill(t, j)
	next := open(t, root)
	defer closeOf(t, next)
	e := claimOnly(t, next)
	if files > maxLive+3 {
		t.Errorf("%d files of 1 MiB for %d open requests", files, len(running)+len(lasting))
	}
	if got, want := ids(e.Open), entryIDs(append(running, lasting...)); !slices.Equal(got, want) {
		t.Errorf("%d open, want %d", len(got), len(want))
	}
	if !maps.EqualFunc(e.totals, want, equal) {
		t.Errorf("ledger %+v\nwant   %+v", e.totals, want)
	}
	if err := e.Settle(slices.Repeat([]Outcome{Crash}, len(e.Open))); err != nil {
		t.Error(err)
	}
}

func ids(all []Intent) (ids []string) {
	for _, in := range all {
		ids = append(ids, in.ID.String())
	}
	slices.Sort(ids)
	return ids
}

func entryIDs(all []*Entry) (ids []string) {
	for _, e := range all {
		ids = append(ids, e.ID.String())
	}
	slices.Sort(ids)
	return ids
}

// A line that was being written when the process was killed hides nothing before it.
func TestTornEntry(t *testing.T) {
	root := t.TempDir()
	j := open(t, root)
	first, second := newEntry("a", "/1"), newEntry("a", "/2")
	j.Begin(first)
	whole := j.slots.current().used
	j.Begin(second)
	path, used := j.slots.current().path, j.slots.current().used
	kill(t, j)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := whole; cut < used; cut++ {
		torn := slices.Clone(content)
		clear(torn[cut:])
		if err := os.WriteFile(path, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		_, open, err := read(j.dir)
		if err != nil || len(open) != 1 || open[0] != first.Intent {
			t.Fatalf("cut at %d: %+v %v", cut, open, err)
		}
	}
}

// A retirement that was broken off after the ledger was written counts nothing twice.
func TestRetiredTwice(t *testing.T) {
	root := t.TempDir()
	j := open(t, root)
	e := newEntry("a", "/")
	j.Begin(e)
	kill(t, j)
	next := open(t, root)
	defer closeOf(t, next)
	p := past{Services: Ledgers{"a": {Accepted: 1, Dropped: map[string]int64{Crash: 1}}}, Runs: []string{filepath.Base(j.dir)}}
	if err := p.write(root); err != nil {
		t.Fatal(err)
	}
	if err := claimOnly(t, next).Settle([]Outcome{Crash}); err != nil {
		t.Fatal(err)
	}
	got, err := next.Past()
	if err != nil || got["a"].Accepted != 1 {
		t.Errorf("%+v %v", got, err)
	}
}

func TestDamagedLedgerIsSetAside(t *testing.T) {
	root := t.TempDir()
	j := open(t, root)
	defer closeOf(t, j)
	if err := os.WriteFile(filepath.Join(root, ledgerFile), []byte(`{"services": 3`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := j.Past(); err != nil || len(got) != 0 {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(root, ledgerFile+".damaged")); err != nil {
		t.Error(err)
	}
}

func BenchmarkBeginSettle(b *testing.B) {
	j := open(b, b.TempDir())
	batch := make([]Settled, 256)
	for i := range batch {
		batch[i].Entry = newEntry("text-classify", "/predict")
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		j.Begin(batch[i%256].Entry)
		if i%256 == 255 {
			j.Settle(batch)
		}
	}
	b.StopTimer()
	kill(b, j)
}
