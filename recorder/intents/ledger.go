package intents

import (
	"maps"

	"aictl/store/records"
)

// Ledgers are accounts by service.
type Ledgers map[string]records.Ledger

// Add adds the accounts of another run.
func (l Ledgers) Add(other Ledgers) {
	for service, more := range other {
		sum := copyOf(l[service])
		sum.Add(more)
		l[service] = sum
	}
}

func copyOf(l records.Ledger) records.Ledger {
	l.Dropped, l.Refused = maps.Clone(l.Dropped), maps.Clone(l.Refused)
	return l
}

func accept(l *records.Ledger) {
	l.Accepted++
	l.InFlight++
}

func settle(l *records.Ledger, o Outcome) {
	l.InFlight--
	switch o {
	case NoBody:
		l.NoBody++
		l.Recorded++
	case Recorded:
		l.Recorded++
	default:
		count(&l.Dropped, o)
	}
}

func refuse(l *records.Ledger, reason string) { count(&l.Refused, reason) }

func count(in *map[string]int64, key string) {
	if *in == nil {
		*in = map[string]int64{}
	}
	(*in)[key]++
}
