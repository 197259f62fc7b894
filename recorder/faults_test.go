package recorder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"aictl/configs"
	"aictl/recorder/intents"
	"aictl/store/records"

	"github.com/google/uuid"
)

// faulty is a store with bad days: it is slow, full for a while, fails now and then, and does not take some records at all.
type faulty struct {
	mu     sync.Mutex
	rng    *rand.Rand
	full   int // how many more calls fail
	stored map[string]records.End
}

var errPoison = errors.New("string too large")

func (f *faulty) Append(batch []*records.Exchange) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rng.IntN(5) == 0 {
		time.Sleep(time.Duration(f.rng.IntN(300)) * time.Millisecond) // of a bubble
	}
	if f.full > 0 {
		f.full--
		return errDisk
	}
	switch f.rng.IntN(30) {
	case 0:
		f.full = f.rng.IntN(20)
		return errDisk
	case 1:
		return errDisk
	}
	for _, x := range batch {
		if x.Path == "/poison" {
			return errPoison
		}
	}
	for _, x := range batch {
		if _, had := f.stored[x.ID]; !had { // one that is stored already stays as it is
			f.stored[x.ID] = x.End
		}
	}
	return nil
}

func (f *faulty) end(_ context.Context, id string) (records.End, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stored[id], nil
}

// The account holds through everything at once: a store that is slow, full, failing and picky, memory that comes and goes, clients
// that leave, requests that never end, a close in the middle; and it holds on in the next run.
func TestLedgerUnderRandomFaults(t *testing.T) {
	for round := range 8 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			root := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				c := &chaos{t: t, rng: rand.New(rand.NewPCG(seed, uint64(round))), root: root}
				c.run()
			})
		})
	}
}

// chaos is one run of a recorder among faults.
type chaos struct {
	t     *testing.T
	rng   *rand.Rand
	root  string
	store *faulty
	r     *Recorder

	mu       sync.Mutex
	left     []string // ids of exchanges that never end
	accepted int64    // tickets and posts, as their owners saw them
	refused  int64
	promised []string // ids whose commit was confirmed
}

var chaosModes = map[string]configs.Record{
	"plain":  {Mode: "normal"},
	"audit":  {Mode: "audit"},
	"block":  {Mode: "normal", Pressure: "block"},
	"refuse": {Mode: "normal", Pressure: "refuse"},
	"bare":   {Mode: "normal", Bodies: "none"},
	"off":    {Mode: "off"},
}

func (c *chaos) run() {
	c.store = &faulty{rng: rand.New(rand.NewPCG(c.rng.Uint64(), 0)), stored: map[string]records.End{}}
	journal := c.open()
	c.r = c.recorder(journal)
	for name, rec := range chaosModes {
		if err := c.r.Configure(name, rec); err != nil {
			c.t.Fatal(err)
		}
	}
	ran := make(chan error, 1)
	go func() { ran <- c.r.Run(context.Background()) }()
	var work sync.WaitGroup
	for range 6 {
		rng := rand.New(rand.NewPCG(c.rng.Uint64(), 0))
		work.Go(func() { c.client(rng) })
	}
	if c.rng.IntN(2) == 0 { // a close in the middle
		time.Sleep(time.Duration(c.rng.IntN(2000)) * time.Millisecond)
		c.close()
	}
	work.Wait()
	c.close()
	if err := <-ran; err != nil {
		c.t.Error(err)
	}
	c.check(c.r.Ledger())
	if held := c.r.HeldBytes(); held < 0 {
		c.t.Errorf("%d bytes held", held)
	}
	if err := journal.Close(); err != nil {
		c.t.Error(err)
	}
	c.nextRun()
}

func (c *chaos) open() *intents.Journal {
	journal := intents.Open(c.root, slog.New(slog.DiscardHandler))
	return journal
}

func (c *chaos) recorder(journal *intents.Journal) *Recorder {
	return New(c.store, Options{QueueBytes: 40 << 10, BatchRecords: 9, BatchDelay: 20 * time.Millisecond, Journal: journal, Stored: c.store.end,
		Backoff: []time.Duration{time.Millisecond, 10 * time.Millisecond}, Logger: slog.New(slog.DiscardHandler)})
}

func (c *chaos) close() {
	if err := c.r.Close(context.Background()); err != nil {
		c.t.Error(err)
	}
}

// client does what requests do, 150 times.
func (c *chaos) client(rng *rand.Rand) {
	services := []string{"plain", "audit", "block", "refuse", "bare", "off"}
	for range 150 {
		time.Sleep(time.Duration(rng.IntN(15)) * time.Millisecond)
		if rng.IntN(20) == 0 {
			c.r.Resize(int64(8+rng.IntN(60)) << 10)
		}
		if l := c.r.Ledger(); !balanced(l) {
			c.t.Errorf("unbalanced: %+v", l)
		}
		if rng.IntN(8) == 0 {
			c.post(rng)
			continue
		}
		c.exchange(rng, services[rng.IntN(len(services))])
	}
}

func (c *chaos) post(rng *rand.Rand) {
	id := uuid.Must(uuid.NewV7()).String()
	fates, err := c.r.Post(context.Background(), []*records.Exchange{{ID: id, Service: "plain", End: records.EndComplete, Request: records.Message{Body: make([]byte, rng.IntN(2000))}}})
	if err != nil {
		c.t.Error(err)
	} else if fates[0] == nil {
		c.promise(id)
	}
}

func (c *chaos) promise(id string) {
	c.mu.Lock()
	c.promised = append(c.promised, id)
	c.mu.Unlock()
}

func (c *chaos) exchange(rng *rand.Rand, service string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+rng.IntN(400))*time.Millisecond)
	defer cancel()
	tk, err := c.r.Admit(ctx, records.Intent{Service: service, Method: "POST", Path: "/"})
	c.mu.Lock()
	switch {
	case err != nil:
		c.refused++
	case tk != nil:
		c.accepted++
	}
	c.mu.Unlock()
	if tk == nil {
		return
	}
	x := &records.Exchange{End: records.EndComplete, Path: "/"}
	if n := rng.IntN(6000); tk.Hold(n) {
		x.Request = records.Message{Size: int64(n), Body: make([]byte, n)}
	} else {
		x.Request = records.Message{Size: int64(n), Omitted: true}
	}
	if rng.IntN(10) == 0 {
		x.Path = "/poison"
	}
	time.Sleep(time.Duration(rng.IntN(10)) * time.Millisecond)
	switch {
	case rng.IntN(25) == 0: // is killed with the daemon
		c.mu.Lock()
		c.left = append(c.left, tk.ID())
		c.mu.Unlock()
	case service == "audit":
		if tk.Commit(ctx, x) == nil {
			c.promise(tk.ID())
		}
	default:
		tk.End(x)
		tk.End(&records.Exchange{}) // counts for nothing
	}
}

// check compares the account with what the store has and what the clients saw.
func (c *chaos) check(l records.Ledger) {
	c.t.Helper()
	if !balanced(l) || l.InFlight != int64(len(c.left)) || l.Recorded != int64(len(c.store.stored)) || l.Accepted < c.accepted {
		c.t.Errorf("%+v; %d in the store, %d admitted, %d never end", l, len(c.store.stored), c.accepted, len(c.left))
	}
	if l.Unlisted != 0 {
		c.t.Errorf("%d not listed", l.Unlisted)
	}
	for _, id := range c.promised {
		if _, ok := c.store.stored[id]; !ok {
			c.t.Errorf("%s was confirmed and is not in the store", id)
		}
	}
}

// nextRun is the daemon after this one: what never ended is lost, everything else is as it was.
func (c *chaos) nextRun() {
	before := c.r.Ledger()
	c.store.rng = rand.New(rand.NewPCG(4, 4)) // of better days
	journal := c.open()
	next := c.recorder(journal)
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() {
		if err := errors.Join(next.Run(ctx), next.Close(context.Background())); err != nil {
			c.t.Error(err)
		}
	})
	parts.Go(func() {
		if err := next.Recover(ctx); err != nil {
			c.t.Error(err)
		}
	})
	for range 6000 { // ten minutes of the bubble's time
		if next.Ledger().Dropped[DropCrash] >= int64(len(c.left)) {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	cancel()
	parts.Wait()
	l := next.Ledger()
	if !balanced(l) || l.Accepted != before.Accepted || l.Recorded != before.Recorded || l.InFlight != 0 || l.Dropped[DropCrash] != int64(len(c.left)) {
		c.t.Errorf("%+v\nafter %+v, with %d that never ended", l, before, len(c.left))
	}
	var lost []string
	for id, end := range c.store.stored {
		if end == records.EndLost {
			lost = append(lost, id)
		}
	}
	slices.Sort(lost)
	slices.Sort(c.left)
	if !slices.Equal(lost, c.left) {
		c.t.Errorf("%d lost records for %d exchanges that never ended", len(lost), len(c.left))
	}
	if err := journal.Close(); err != nil {
		c.t.Error(err)
	}
}
