package configs

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Fault is one thing wrong with a manifest or the settings. Errors of this package are Faults joined together.
type Fault struct {
	File string // the file's name as given, or another source: "environment", "database"
	Line int    // 0 when unknown
	Path string // of the key: "health.interval"; "" for the file as a whole
	Msg  string // what is wrong and what to write instead
}

// Error reads "aictl.yaml:7: health.interval: "fast" is not a duration (write 10s, 2m)".
func (f Fault) Error() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File)
		if f.Line > 0 {
			b.WriteString(":" + strconv.Itoa(f.Line))
		}
		b.WriteString(": ")
	}
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.Msg)
	return b.String()
}

// Faults finds all Faults in err, in the order of their joining.
func Faults(err error) []Fault {
	if err == nil {
		return nil
	}
	var one Fault
	if f, ok := err.(Fault); ok {
		return []Fault{f}
	}
	if many, ok := err.(interface{ Unwrap() []error }); ok {
		var all []Fault
		for _, e := range many.Unwrap() {
			all = append(all, Faults(e)...)
		}
		return all
	}
	if errors.As(err, &one) {
		return []Fault{one}
	}
	return nil
}

// join makes one error of faults, by line. It is nil when there are none.
func join(faults []Fault) error {
	slices.SortStableFunc(faults, func(a, b Fault) int { return a.Line - b.Line })
	errs := make([]error, len(faults))
	for i, f := range faults {
		errs[i] = f
	}
	return errors.Join(errs...)
}

// suggest finds the known name that in is most likely a slip of; "" when none is near.
func suggest(in string, known []string) string {
	best, bestDist := "", max(1, min(2, len(in)/3))+1
	for _, k := range known {
		if d := distance(strings.ToLower(in), k); d < bestDist {
			best, bestDist = k, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete, replace or swap with a neighbour to turn a into b
// (the optimal string alignment distance).
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
