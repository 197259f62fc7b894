package configs

import (
	"fmt"
	"strconv"
	"strings"
)

// PortRange is the ports from First to Last, both included; it reads and writes as "8001-8999".
type PortRange struct{ First, Last int }

// String is the text form.
func (r PortRange) String() string { return fmt.Sprintf("%d-%d", r.First, r.Last) }

// Len is how many ports the range holds.
func (r PortRange) Len() int { return r.Last - r.First + 1 }

// MarshalText writes the text form.
func (r PortRange) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads "8001-8999", and a single port.
func (r *PortRange) UnmarshalText(text []byte) error {
	in := strings.TrimSpace(string(text))
	from, to, found := strings.Cut(in, "-")
	if !found {
		to = from
	}
	first, err1 := strconv.ParseUint(strings.TrimSpace(from), 10, 16)
	last, err2 := strconv.ParseUint(strings.TrimSpace(to), 10, 16)
	switch {
	case err1 != nil || err2 != nil:
		return fmt.Errorf("%q is not a range of ports (write 8001-8999)", clip(in))
	case first == 0:
		return fmt.Errorf("%q begins with 0, which is no port (write 8001-8999)", clip(in))
	case first > last:
		return fmt.Errorf("%q ends before it begins (write %d-%d)", clip(in), last, first)
	}
	*r = PortRange{int(first), int(last)}
	return nil
}
