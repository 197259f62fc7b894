package configs

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// MarshalText writes the shortest form: "10s", "2m", "1h30m", "30d".
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String is the text form, without the zero units that time.Duration shows.
func (d Duration) String() string {
	const day = 24 * time.Hour
	if days := time.Duration(d) / day; days > 1 && time.Duration(d)%day == 0 {
		return strconv.FormatInt(int64(days), 10) + "d"
	}
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// maxDays is the longest Duration in whole days, about 292 years.
const maxDays = uint64(math.MaxInt64 / (24 * time.Hour))

// UnmarshalText reads what time.ParseDuration reads, and whole days ("30d").
func (d *Duration) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 64); err == nil && n <= maxDays {
			*d = Duration(time.Duration(n) * 24 * time.Hour)
			return nil
		}
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		if _, isNumber := strconv.ParseFloat(s, 64); isNumber == nil {
			return fmt.Errorf("%q has no unit (write %ss or %sm)", s, s, s)
		}
		return fmt.Errorf("%q is not a duration (write 10s, 2m)", s)
	}
	*d = Duration(v)
	return nil
}

// MarshalYAML writes the text form.
func (d Duration) MarshalYAML() (any, error) { return d.String(), nil }

// units are the size units, the greatest of each kind first.
var units = []struct {
	name  string
	bytes int64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3},
}

// MarshalText writes the shortest exact form: "10MB", "2GiB", "1500".
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String is the text form.
func (s Size) String() string {
	best := strconv.FormatInt(int64(s), 10)
	for _, u := range units {
		if s != 0 && int64(s)%u.bytes == 0 {
			if text := strconv.FormatInt(int64(s)/u.bytes, 10) + u.name; len(text) < len(best) {
				best = text
			}
		}
	}
	return best
}

// UnmarshalText reads a number of bytes with or without a unit: KB MB GB TB are powers of 1000,
// KiB MiB GiB TiB powers of 1024.
func (s *Size) UnmarshalText(text []byte) error {
	in := strings.TrimSpace(string(text))
	number, factor, err := splitUnit(in)
	if err != nil {
		return err
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		if n < 0 {
			return fmt.Errorf("%q is negative", in)
		}
		if n > math.MaxInt64/factor {
			return fmt.Errorf("%q is too large", in)
		}
		*s = Size(n * factor)
		return nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || math.IsNaN(f) {
		return fmt.Errorf("%q is not a size (write 10MB, 2GiB or a number of bytes)", in)
	}
	if f < 0 {
		return fmt.Errorf("%q is negative", in)
	}
	if f*float64(factor) >= math.MaxInt64 {
		return fmt.Errorf("%q is too large", in)
	}
	*s = Size(f * float64(factor))
	return nil
}

// splitUnit takes the unit off a size and says how many bytes it stands for.
func splitUnit(in string) (number string, factor int64, err error) {
	lower := strings.ToLower(in)
	for _, u := range units {
		if n, ok := strings.CutSuffix(lower, strings.ToLower(u.name)); ok {
			return strings.TrimSpace(n), u.bytes, nil
		}
	}
	if n, ok := strings.CutSuffix(lower, "b"); ok {
		return strings.TrimSpace(n), 1, nil
	}
	for _, u := range []string{"k", "m", "g", "t"} {
		if n, ok := strings.CutSuffix(lower, u); ok {
			if _, err := strconv.ParseFloat(strings.TrimSpace(n), 64); err == nil {
				big := strings.ToUpper(u)
				return "", 0, fmt.Errorf("%q is unclear: write %s%sB (powers of 1000) or %s%siB (powers of 1024)", in, n, big, n, big)
			}
		}
	}
	return lower, 1, nil
}

// UnmarshalJSON reads the text form and plain numbers of bytes.
func (s *Size) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] != '"' {
		return s.UnmarshalText(data)
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	return s.UnmarshalText([]byte(text))
}

// MarshalYAML writes the text form.
func (s Size) MarshalYAML() (any, error) { return s.String(), nil }
