package recorder

import (
	"maps"
	"sync"

	"aictl/recorder/intents"
	"aictl/store/records"
)

// accept counts an exchange, and lists it where there is a list.
func (r *Recorder) accept(t *ticket) {
	if j := r.opt.Journal; j != nil {
		j.Begin(&t.entry)
		return
	}
	t.s.book.accept()
}

// acceptPosted counts an exchange that whoever posted it sends again unless he is told that it is stored: it is not listed,
// since after a crash it would stand in the way of the one that is sent again.
func (r *Recorder) acceptPosted(it *item) {
	if j := r.opt.Journal; j != nil {
		it.entry = &intents.Entry{Intent: intents.Intent{Service: it.service.name}}
		j.Count(it.entry)
		return
	}
	it.service.book.accept()
}

// book notes what became of exchanges.
func (r *Recorder) book(items ...*item) {
	j := r.opt.Journal
	if j == nil {
		for _, it := range items {
			it.service.book.settle(it.dropped, it.starved)
		}
		return
	}
	settled := make([]intents.Settled, 0, len(items))
	for _, it := range items {
		if it.entry != nil {
			settled = append(settled, intents.Settled{Entry: it.entry, Outcome: it.outcome()})
		}
	}
	j.Settle(settled)
}

// refuse counts a request that is answered in place of an instance.
func (r *Recorder) refuse(s *service, reason string) {
	if j := r.opt.Journal; j != nil {
		j.Refuse(s.name, reason)
		return
	}
	s.book.refuse(reason)
}

// Ledger is the account of all services together. The equation holds in every snapshot.
func (r *Recorder) Ledger() records.Ledger {
	var total records.Ledger
	for _, l := range r.Ledgers() {
		total.Add(l)
	}
	return total
}

// Ledgers is the account of each service: with a journal of all runs, else since the recorder was made.
func (r *Recorder) Ledgers() map[string]records.Ledger {
	if j := r.opt.Journal; j != nil {
		all := r.past.copy()
		all.Add(j.Totals())
		return all
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make(map[string]records.Ledger, len(r.services))
	for name, s := range r.services {
		all[name] = s.book.snapshot()
	}
	return all
}

// past is the account of the runs before.
type past struct {
	mu sync.Mutex
	l  intents.Ledgers
}

func (p *past) copy() intents.Ledgers {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := intents.Ledgers{}
	all.Add(p.l)
	return all
}

func (p *past) set(l intents.Ledgers) {
	p.mu.Lock()
	p.l = l
	p.mu.Unlock()
}

// book is one service's account. InFlight is counted on its own, not computed from the others,
// so that the equation can be checked.
type book struct {
	mu sync.Mutex
	l  records.Ledger
}

func (b *book) accept() {
	b.mu.Lock()
	b.l.Accepted++
	b.l.InFlight++
	b.mu.Unlock()
}

// settle ends one exchange: recorded when dropped is "", with its bodies withheld when starved.
func (b *book) settle(dropped string, starved bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.l.InFlight--
	if dropped != "" {
		if b.l.Dropped == nil {
			b.l.Dropped = map[string]int64{}
		}
		b.l.Dropped[dropped]++
		return
	}
	b.l.Recorded++
	if starved {
		b.l.NoBody++
	}
}

func (b *book) refuse(reason string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.l.Refused == nil {
		b.l.Refused = map[string]int64{}
	}
	b.l.Refused[reason]++
}

func (b *book) snapshot() records.Ledger {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.l
	l.Dropped, l.Refused = maps.Clone(b.l.Dropped), maps.Clone(b.l.Refused)
	return l
}
