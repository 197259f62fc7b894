package recorder

import (
	"maps"
	"sync"

	"aictl/store/records"
)

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

func (b *book) snapshot() records.Ledger {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := b.l
	l.Dropped = maps.Clone(b.l.Dropped)
	return l
}

func add(sum *records.Ledger, l records.Ledger) {
	sum.Accepted += l.Accepted
	sum.Recorded += l.Recorded
	sum.InFlight += l.InFlight
	sum.NoBody += l.NoBody
	for reason, n := range l.Dropped {
		if sum.Dropped == nil {
			sum.Dropped = map[string]int64{}
		}
		sum.Dropped[reason] += n
	}
}
