// Package ports sees to it that no port is ever given twice: a range, a ledger that outlives the daemon, and a
// real bind test against programs that are not in the ledger.
package ports

import (
	"fmt"
	"strconv"
	"strings"
)

// Range is the ports services get, both ends included. The zero Range means any port the kernel has free.
type Range struct{ First, Last int }

// ParseRange reads "8001-8999", a single port, or "0" for the zero Range.
func ParseRange(text string) (Range, error) {
	first, last, dash := strings.Cut(strings.TrimSpace(text), "-")
	if !dash {
		last = first
	}
	a, errA := strconv.Atoi(strings.TrimSpace(first))
	b, errB := strconv.Atoi(strings.TrimSpace(last))
	if errA != nil || errB != nil {
		return Range{}, fmt.Errorf("port range %q: write it as FIRST-LAST, for example 8001-8999", text)
	}
	r := Range{First: a, Last: b}
	if err := r.Validate(); err != nil {
		return Range{}, err
	}
	return r, nil
}

// Validate reports ends that are no ports or the wrong way round.
func (r Range) Validate() error {
	switch {
	case r == Range{}:
		return nil
	case r.First < 1 || r.Last > 65535:
		return fmt.Errorf("port range %d-%d: ports go from 1 to 65535", r.First, r.Last)
	case r.First > r.Last:
		return fmt.Errorf("port range %d-%d: the first port is above the last; swap them", r.First, r.Last)
	}
	return nil
}

// Contains reports whether port lies in the range; the zero Range holds every port.
func (r Range) Contains(port int) bool {
	if r == (Range{}) {
		return port >= 1 && port <= 65535
	}
	return port >= r.First && port <= r.Last
}

func (r Range) String() string {
	if r == (Range{}) {
		return "0"
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}
