package compare

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Options are what the user says about the comparison.
type Options struct {
	Ignore    []string           // paths that do not count, with all below them; * is any one name, [*] any element
	Unordered []string           // lists whose order does not count
	Tolerance float64            // numbers a, b are equal when |a−b| ≤ Tolerance · max(1, |a|, |b|)
	PathTol   map[string]float64 // the same for single paths
	Headers   []string           // headers that are compared; nil is Content-Type
	Masked    string             // what stands for a secret in recorded answers, equal to anything; "" is nothing
}

// rules are the options and what was learned about noise.
type rules struct {
	ignore    []*regexp.Regexp
	unordered map[string]bool    // lists by path
	dynamic   map[string]bool    // objects whose names do not count: `{id: value}`
	tolerance float64            // of every number
	pathTol   map[string]float64 // as Options.PathTol
	learned   map[string]float64 // |a−b| that is noise, by path
	headers   []string
	masked    string
	behind    *watcher // what the learned is from
}

// Check says what is wrong with options.
func (o Options) Check() error {
	_, err := o.rules()
	return err
}

func (o Options) rules() (*rules, error) {
	r := &rules{unordered: map[string]bool{}, dynamic: map[string]bool{}, learned: map[string]float64{}, headers: o.Headers, masked: o.Masked}
	if r.headers == nil {
		r.headers = []string{"Content-Type"}
	}
	for _, p := range o.Ignore {
		pattern, err := ignored(p)
		if err != nil {
			return nil, err
		}
		r.ignore = append(r.ignore, pattern)
	}
	for _, p := range o.Unordered {
		if !strings.HasPrefix(p, "$") {
			return nil, fmt.Errorf("unordered list %q: a path begins with $, such as $.items or $.pages[*].words", p)
		}
		r.unordered[p] = true
	}
	if bad(o.Tolerance) {
		return nil, fmt.Errorf("tolerance %v: give a number that is not negative, such as 0.001", o.Tolerance)
	}
	r.tolerance, r.pathTol = o.Tolerance, o.PathTol
	for p, t := range o.PathTol {
		if bad(t) || !strings.HasPrefix(p, "$") {
			return nil, fmt.Errorf("tolerance %s=%v: give a path that begins with $ and a number that is not negative, such as $.score=0.01", p, t)
		}
	}
	return r, nil
}

func bad(t float64) bool { return t < 0 || math.IsNaN(t) || math.IsInf(t, 0) }

var numbered = regexp.MustCompile(`\\\[\d+\\\]`)

// ignored makes a pattern of a path: `$.meta`, `$.items[*].id`, `$.*.at`, `header.Date`, `status`, `body`.
func ignored(path string) (*regexp.Regexp, error) {
	if path != pathStatus && path != pathBody && !strings.HasPrefix(path, "$") && !strings.HasPrefix(path, pathHeader) {
		return nil, fmt.Errorf("ignored path %q: use a JSON path such as $.meta.time, header.NAME, status or body", path)
	}
	p := regexp.QuoteMeta(path)
	if strings.HasPrefix(path, pathHeader) {
		p = "(?i)" + p
	}
	p = strings.ReplaceAll(p, `\.\*`, `(\.[^.\[]+|\["[^"]*"\])`)
	p = numbered.ReplaceAllString(p, `\[\*\]`) // elements are compared as one
	pattern, err := regexp.Compile("^" + p + `($|[.\[])`)
	if err != nil {
		return nil, fmt.Errorf("ignored path %q: %w", path, err)
	}
	return pattern, nil
}

func (r *rules) ignores(path string) bool {
	for _, p := range r.ignore {
		if p.MatchString(path) {
			return true
		}
	}
	return false
}

// near reports whether two numbers are equal within the tolerance that the user gave.
func (r *rules) near(a, b float64, path string) bool {
	t := r.tolerance
	if own, ok := r.pathTol[path]; ok {
		t = own
	}
	return t > 0 && math.Abs(a-b) <= t*max(1, math.Abs(a), math.Abs(b))
}

var plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// member is the path of an object's member.
func member(path, name string) string {
	if plainName.MatchString(name) {
		return path + "." + name
	}
	return path + "[" + strconv.Quote(name) + "]"
}

func element(path string) string { return path + "[*]" }

func anyMember(path string) string { return path + ".*" }
