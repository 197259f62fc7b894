package envs

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// pyVersion is a version as PEP 440 writes and orders them; what comes after a + does not count.
type pyVersion struct {
	epoch   int
	release []int
	phase   int // dev, alpha, beta, candidate, final, post: what the number below counts
	number  int
	dev     int // of a pre- or post-release: the order of .devN; final is noDev
}

// The phases of a version, in their order.
const (
	phaseDev = iota
	phaseAlpha
	phaseBeta
	phaseCandidate
	phaseFinal
	phasePost
)

const noDev = 1 << 30

var (
	versionForm = regexp.MustCompile(`^v?(?:(\d{1,9})!)?(\d{1,9}(?:\.\d{1,9})*)[-_.]?(?:(a|b|c|rc|alpha|beta|pre|preview)[-_.]?(\d{0,9}))?(?:[-_.]?(post|rev|r)[-_.]?(\d{0,9})|-(\d{1,9}))?(?:[-_.]?(dev)[-_.]?(\d{0,9}))?(?:\+[a-z0-9._-]+)?$`)
	phases      = map[string]int{"a": phaseAlpha, "alpha": phaseAlpha, "b": phaseBeta, "beta": phaseBeta, "c": phaseCandidate, "rc": phaseCandidate, "pre": phaseCandidate, "preview": phaseCandidate}
)

// parseVersion reads a version; ok is false for what is none.
func parseVersion(s string) (v pyVersion, ok bool) {
	m := versionForm.FindStringSubmatch(strings.ToLower(strings.TrimSpace(s)))
	if m == nil {
		return v, false
	}
	v = pyVersion{epoch: number(m[1]), phase: phaseFinal, dev: noDev}
	for part := range strings.SplitSeq(m[2], ".") {
		v.release = append(v.release, number(part))
	}
	switch {
	case m[5] != "" || m[7] != "":
		v.phase, v.number = phasePost, number(m[6]+m[7])
	case m[3] != "":
		v.phase, v.number = phases[m[3]], number(m[4])
	}
	if m[8] != "" {
		v.dev = number(m[9])
		if m[3] == "" && v.phase == phaseFinal {
			v.phase, v.number = phaseDev, v.dev
		}
	}
	return v, true
}

// number reads at most nine digits; none are 0.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

// part is a number of the release; those that are not written are 0.
func (v pyVersion) part(k int) int {
	if k < len(v.release) {
		return v.release[k]
	}
	return 0
}

func (v pyVersion) compare(w pyVersion) int {
	if c := cmp.Compare(v.epoch, w.epoch); c != 0 {
		return c
	}
	for k := range max(len(v.release), len(w.release)) {
		if c := cmp.Compare(v.part(k), w.part(k)); c != 0 {
			return c
		}
	}
	return cmp.Or(cmp.Compare(v.phase, w.phase), cmp.Compare(v.number, w.number), cmp.Compare(v.dev, w.dev))
}

// begins reports whether the release begins with these numbers, as 3.9.* asks.
func (v pyVersion) begins(w pyVersion) bool {
	for k, n := range w.release {
		if v.part(k) != n {
			return false
		}
	}
	return v.epoch == w.epoch
}

// bumped is the first release that differs in its number at k: 3.9 at 0 is 4.
func (v pyVersion) bumped(k int) pyVersion {
	up := make([]int, k+1)
	for i := range up {
		up[i] = v.part(i)
	}
	up[k]++
	return pyVersion{epoch: v.epoch, release: up, phase: phaseDev} // before its own pre-releases
}

var clause = regexp.MustCompile(`^(\^|~=|~|===|==|!=|<=|>=|<|>|=)?\s*([^\s<>=!~^]+)$`)

// satisfies tells whether a version lies within a constraint as PEP 440 and Poetry write them: ">=3.9,<4", "^3.9", "3.8.* || ~3.10".
func satisfies(version, constraint string) (bool, error) {
	v, ok := parseVersion(version)
	if !ok {
		return false, fmt.Errorf("%q is no version", version)
	}
	for either := range strings.SplitSeq(strings.ReplaceAll(constraint, "||", "|"), "|") {
		all, err := v.withinAll(either)
		if err != nil || all {
			return all, err
		}
	}
	return false, nil
}

// spaced takes the blanks after operators away, so that blanks part clauses.
var spaced = regexp.MustCompile(`([<>=!~^])\s+`)

func (v pyVersion) withinAll(constraint string) (bool, error) {
	within := true
	for _, c := range strings.FieldsFunc(spaced.ReplaceAllString(constraint, "$1"), func(r rune) bool { return r == ',' || r == ' ' }) {
		ok, err := v.within(c)
		if err != nil {
			return false, err
		}
		within = within && ok
	}
	return within, nil
}

// within tells whether a version satisfies one clause.
func (v pyVersion) within(text string) (bool, error) {
	m := clause.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return false, fmt.Errorf("%q is no version constraint", text)
	}
	op, raw := m[1], m[2]
	if raw == "*" {
		return op != "!=", nil
	}
	plain, wild := strings.CutSuffix(raw, ".*")
	w, ok := parseVersion(plain)
	if !ok {
		return false, fmt.Errorf("%q is no version constraint", text)
	}
	if wild && slices.Contains([]string{"", "=", "==", "!="}, op) {
		return v.begins(w) == (op != "!="), nil
	}
	return v.holds(op, w), nil
}

func (v pyVersion) holds(op string, w pyVersion) bool {
	c := v.compare(w)
	switch op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	case ">=":
		return c >= 0
	case "!=":
		return c != 0
	case "~=":
		return c >= 0 && v.compare(w.bumped(max(0, len(w.release)-2))) < 0
	case "~":
		return c >= 0 && v.compare(w.bumped(min(1, len(w.release)-1))) < 0
	case "^":
		return c >= 0 && v.compare(w.bumped(w.first())) < 0
	}
	return c == 0
}

// first is the place of the first number that is not 0, which ^ keeps.
func (v pyVersion) first() int {
	for k, n := range v.release {
		if n != 0 {
			return k
		}
	}
	return len(v.release) - 1
}
