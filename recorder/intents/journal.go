// Package intents keeps a list of the exchanges that were accepted and not settled yet, in files that survive a killed
// process: what the next one finds open in them was lost. It also carries the ledger over from run to run.
package intents

import (
	"encoding/binary"
	"log/slog"
	"os"
	"sync"
	"time"

	"aictl/store/records"

	"github.com/google/uuid"
)

// Intent is an exchange that was accepted.
type Intent struct {
	ID      uuid.UUID
	Service string
	Method  string
	Path    string
	TraceID string
	Session string
	Start   time.Time
}

// Entry is an intent on its way through the journal. It is part of what its owner keeps of the exchange, from Begin to Settle.
type Entry struct {
	Intent
	seq        uint64
	slot       *slot // nil: not listed
	counted    bool  // neither is it listed, nor are there marks of it
	prev, next *Entry
}

// Settled is an entry and what became of it.
type Settled struct {
	Entry   *Entry
	Outcome Outcome
}

// Journal is the list of one process. Its methods are safe for concurrent use, and none of them waits for a disk,
// except for one in ten thousand that has to have a file made.
type Journal struct {
	root, dir string
	lock      *os.File
	log       *slog.Logger

	mu       sync.Mutex
	slots    slots
	seq      uint64
	totals   map[string]*records.Ledger // of this process
	unlisted map[string]int64           // of those in flight, by service
	scratch  []byte
	closed   bool
}

// Begin lists an accepted exchange. When it cannot be listed, the ledger counts that, and the exchange is accepted all the same.
func (j *Journal) Begin(e *Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seq++
	e.seq = j.seq
	l := j.account(e.Service)
	if j.append(kindIntent, appendIntent(j.begin(), e)) {
		j.slots.current().link(e)
	} else {
		j.coming(e)
		l.Unlisted++
	}
	accept(l)
}

// Count accepts an exchange without listing it: after a crash nobody misses it.
func (j *Journal) Count(e *Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.coming(e)
	accept(j.account(e.Service))
}

// coming notes an accepted exchange that is not listed. Until it is settled, no file tells of it.
func (j *Journal) coming(e *Entry) {
	e.counted = true
	j.unlisted[e.Service]++
}

// Settle notes what became of exchanges.
func (j *Journal) Settle(all []Settled) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for len(all) > 0 {
		n := min(len(all), 4096)
		j.settle(all[:n])
		all = all[n:]
	}
}

// settle writes one entry of marks. Should that fail, they are settled nevertheless: after a crash their ids would be looked up
// in the store.
func (j *Journal) settle(all []Settled) {
	b := j.begin()
	for _, s := range all {
		if s.Entry.slot != nil {
			b = append(binary.AppendUvarint(b, s.Entry.seq), outcomeByte(s.Outcome))
		}
	}
	if len(b) > entryHead {
		j.append(kindMarks, b)
	}
	for _, s := range all {
		if s.Entry.slot != nil {
			s.Entry.slot.unlink(s.Entry)
		}
		if s.Entry.counted {
			j.append(kindCounted, appendText(append(j.begin(), outcomeByte(s.Outcome)), s.Entry.Service, maxText))
			j.unlisted[s.Entry.Service]-- // now, since a segment may just have begun with the ledger without it
		}
		settle(j.account(s.Entry.Service), s.Outcome)
	}
}

// Refuse counts a request that the recorder answered in place of an instance, by reason.
func (j *Journal) Refuse(service, reason string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.append(kindRefused, appendText(appendText(j.begin(), service, maxText), reason, maxText))
	refuse(j.account(service), reason)
}

// Totals is the account of this process by service.
func (j *Journal) Totals() Ledgers {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.sums()
}

// Close lets go of the list. When everything in it is settled, its account goes to the ledger of all runs and its files
// are removed; else the next process finds what was open.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	j.closed = true
	open := j.slots.open()
	err := j.slots.close()
	if open == 0 && err == nil {
		return retire(j.root, j.dir, j.lock, j.sums())
	}
	return joinClose(err, j.lock)
}

func (j *Journal) sums() Ledgers {
	all := make(Ledgers, len(j.totals))
	for service, l := range j.totals {
		all[service] = copyOf(*l)
	}
	return all
}

func (j *Journal) account(service string) *records.Ledger {
	l := j.totals[service]
	if l == nil {
		l = new(records.Ledger)
		j.totals[service] = l
	}
	return l
}

// begin returns a buffer with room for an entry's head.
func (j *Journal) begin() []byte { return append(j.scratch[:0], make([]byte, entryHead)...) }

// append writes one entry that begin began, in a new segment when there is no room in this one. It reports whether that worked.
func (j *Journal) append(kind byte, b []byte) bool {
	j.scratch = b
	if j.closed {
		return false
	}
	s := j.slots.current()
	if s == nil || s.room() < len(b) {
		if s = j.rotate(); s == nil {
			return false
		}
	}
	return j.write(s, kind, b)
}

func (j *Journal) write(s *slot, kind byte, b []byte) bool {
	if s.room() < len(b) {
		return false
	}
	seal(b, s.number, kind)
	if err := s.put(b); err != nil {
		s.used = segmentSize // nothing more goes there
		j.slots.failed(err, time.Now())
		return false
	}
	return true
}
