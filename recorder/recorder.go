// Package recorder takes exchanges from the gateway to the store: bounded in bytes, counted to the last one,
// redacted in one place, written in batches by one goroutine.
package recorder

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"aictl/configs"
	"aictl/recorder/intents"
	"aictl/store/records"
)

// Appender stores a batch. A batch is stored as a whole or not at all, or the store recognizes an
// exchange it already has by its ID: a batch whose Append failed is offered again. It keeps no reference to the batch.
type Appender interface {
	Append(batch []*records.Exchange) error
}

// Ticket is one admitted exchange. It is an alias of a literal interface, so that a package that declares the same
// literal can take a *Recorder without either package knowing the other.
type Ticket = interface {
	// ID is the exchange's UUIDv7.
	ID() string
	// Hold asks for n more bytes of memory for a body and reports whether they may be used. After the first
	// refusal the exchange is recorded without bodies. It may be called from several goroutines.
	Hold(n int) bool
	// End hands the finished exchange over; the caller does not touch it afterwards. Only the first End or Commit counts.
	End(x *records.Exchange)
	// Commit is End that waits until the record is in the store, synced. An error matches records.ErrNotCommitted: the
	// record was dropped, lost a body to the shortage of memory, or ctx ended before its fate was known.
	Commit(ctx context.Context, x *records.Exchange) error
}

// Reasons why an exchange is dropped, as keys of Ledger.Dropped.
const (
	DropQueueFull = "queue_full"  // the memory budget was used up
	DropDisk      = "disk"        // the store could not write
	DropRejected  = "rejected"    // the store refused this exchange and took others
	DropShutdown  = "shutdown"    // it ended after the recorder had closed
	DropCrash     = intents.Crash // the daemon was killed before it was recorded; a record says that it was there
)

// Reasons why a request is answered by the recorder, as keys of Ledger.Refused.
const (
	RefuseNoRoom       = "no_room"       // memory is short, and the service's `pressure` is refuse or block
	RefuseNotCommitted = "not_committed" // an audit service's record is not in the store
)

// ErrRunning is returned by a second Run.
var ErrRunning = errors.New("recorder already runs")

// Options are the recorder's bounds. Zero values mean the defaults.
type Options struct {
	QueueBytes   int64           // memory for everything held or queued; default 64 MiB
	BatchRecords int             // exchanges that make an Append due, which takes up to four times as many; default 256
	BatchBytes   int64           // bytes in one Append; default 4 MiB
	BatchDelay   time.Duration   // how long an exchange waits for company; default 100 ms
	Backoff      []time.Duration // waits before each retry of a failed Append; default 50 ms … 800 ms
	Key          []byte          // of the digests that stand for masked sessions; without one they can be found by trying
	Logger       *slog.Logger
	Now          func() time.Time

	// Journal lists what is accepted, so that it is known after a crash; nil: nothing is listed, and the ledger begins anew.
	Journal *intents.Journal
	// Stored returns how a record ended that the store has, "" when it has none; needed with a Journal.
	Stored func(ctx context.Context, id string) (records.End, error)
}

func (o Options) withDefaults() Options {
	if o.QueueBytes <= 0 {
		o.QueueBytes = 64 << 20
	}
	if o.BatchRecords <= 0 {
		o.BatchRecords = 256
	}
	if o.BatchBytes <= 0 {
		o.BatchBytes = 4 << 20
	}
	if o.BatchDelay <= 0 {
		o.BatchDelay = 100 * time.Millisecond
	}
	if o.Backoff == nil {
		o.Backoff = []time.Duration{50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond,
			400 * time.Millisecond, 800 * time.Millisecond}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// Recorder admits exchanges, keeps them within a memory budget and writes them. Its methods are safe for concurrent use.
type Recorder struct {
	opt   Options
	to    Appender
	queue *queue
	mem   budget
	write writer
	ids   clock
	room  room
	past  past

	mu       sync.RWMutex
	services map[string]*service

	life    sync.Mutex
	ran     bool // Run was called
	running bool // somebody drains the queue
	closing chan struct{}
	closed  bool
	done    chan struct{} // closed when the last batch is settled
}

// service is what the recorder knows of one service.
type service struct {
	name   string
	book   book // unless there is a journal
	mu     sync.RWMutex
	policy *policy
}

// New returns a recorder that writes to to once Run is called.
func New(to Appender, opt Options) *Recorder {
	opt = opt.withDefaults()
	return &Recorder{
		opt: opt, to: to,
		queue:    newQueue(opt),
		mem:      newBudget(opt.QueueBytes),
		write:    writer{to: to, backoff: opt.Backoff, log: opt.Logger, now: opt.Now},
		services: map[string]*service{},
		closing:  make(chan struct{}),
		done:     make(chan struct{}),
	}
}

// Configure sets what is recorded of a service from the next Admit on. An error names the redaction or session entry that is
// not understood; the service is then recorded without bodies, because what should be hidden is not known.
func (r *Recorder) Configure(name string, rec configs.Record) error {
	p, err := newPolicy(rec)
	p.key = r.opt.Key
	s := r.service(name)
	s.mu.Lock()
	s.policy = p
	s.mu.Unlock()
	if err != nil {
		return fmt.Errorf("record settings of %s: %w", name, err)
	}
	return nil
}

// Resize sets the memory for everything held or queued, Options.QueueBytes, in bytes. What is held already stays.
func (r *Recorder) Resize(queueBytes int64) { r.mem.resize(queueBytes) }

// HeldBytes is how much of Options.QueueBytes is in use.
func (r *Recorder) HeldBytes() int64 { return r.mem.inUse() }

// Run writes until ctx ends or Close is called, then writes what is still queued and returns nil. When Close comes before
// it, Close has that done.
func (r *Recorder) Run(ctx context.Context) error {
	r.life.Lock()
	if r.ran {
		r.life.Unlock()
		return fmt.Errorf("run recorder: %w", ErrRunning)
	}
	r.ran = true
	if r.running {
		r.life.Unlock()
		<-r.done
		return nil
	}
	r.running = true
	r.life.Unlock()

	stop := context.AfterFunc(ctx, r.beginClose)
	defer stop()
	r.drain()
	return nil
}

// drain writes batch after batch until the queue is closed and empty.
func (r *Recorder) drain() {
	defer close(r.done)
	for {
		batch := r.queue.next(r.closing)
		if len(batch) == 0 {
			return
		}
		r.settle(batch)
	}
}

// settle writes one batch and books what became of each exchange.
func (r *Recorder) settle(batch []*item) {
	r.write.batch(batch)
	r.book(batch...)
	for _, it := range batch {
		it.tell()
		r.mem.release(it.bytes)
	}
	r.queue.settled(len(batch))
	r.room.made()
}

// Flush waits until everything that ended before the call is written or counted as dropped.
func (r *Recorder) Flush(ctx context.Context) error {
	select {
	case <-r.queue.flush():
		return nil
	case <-ctx.Done():
		return fmt.Errorf("flush records: %w", context.Cause(ctx))
	}
}

// Close writes what is queued, ends Run and waits for it. Exchanges that end later are counted as dropped.
func (r *Recorder) Close(ctx context.Context) error {
	r.beginClose()
	r.life.Lock()
	if !r.running {
		r.running = true
		go r.drain()
	}
	r.life.Unlock()
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close recorder with %d exchanges unwritten: %w", r.queue.waiting(), context.Cause(ctx))
	}
}

func (r *Recorder) beginClose() {
	r.life.Lock()
	defer r.life.Unlock()
	if !r.closed {
		r.closed = true
		r.queue.close()
		close(r.closing)
	}
}

func (r *Recorder) service(name string) *service {
	r.mu.RLock()
	s := r.services[name]
	r.mu.RUnlock()
	if s != nil {
		return s
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s = r.services[name]; s == nil {
		s = &service{name: name, policy: defaultPolicy}
		r.services[name] = s
	}
	return s
}
