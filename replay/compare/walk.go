package compare

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is how two answers differ at a path.
type Kind string

// The kinds of a difference. Missing and New are members that only the first or only the second answer has.
const (
	KindValue   Kind = "value"
	KindType    Kind = "type"
	KindMissing Kind = "missing"
	KindNew     Kind = "new"
	KindLength  Kind = "length"
)

// The paths of what is no JSON value.
const (
	pathStatus = "status"
	pathBody   = "body"
	pathHeader = "header."
)

// place is where and how answers differ. The elements of a list share a path.
type place struct {
	path string
	kind Kind
}

// pair is what the two sides have at a place.
type pair struct{ a, b any }

// findings are the differences of two answers, each place once with its first pair.
type findings map[place]pair

// comparer walks two answers under rules. A watcher, when there is one, learns on the way.
type comparer struct {
	*rules
	found findings
	watch *watcher
	gross map[string]bool // places where a learned tolerance was left far behind
	at    [2]time.Time    // when the answers came; zero: times do not count as such
}

// diff compares two answers.
func (r *rules) diff(a, b *reading, watch *watcher) *comparer {
	c := &comparer{rules: r, found: findings{}, watch: watch, gross: map[string]bool{}}
	c.answers(a, b)
	return c
}

// diffOverTime compares two answers of which each may tell when it came.
func (r *rules) diffOverTime(a, b *reading) *comparer {
	c := &comparer{rules: r, found: findings{}, gross: map[string]bool{}, at: [2]time.Time{a.At, b.At}}
	c.answers(a, b)
	return c
}

// reading is an answer with its body understood once.
type reading struct {
	*Answer
	content
}

func readAnswer(a *Answer) *reading { return &reading{a, a.read()} }

func (c *comparer) add(path string, kind Kind, a, b any) {
	at := place{path, kind}
	if _, known := c.found[at]; known || c.ignores(path) {
		return
	}
	c.found[at] = pair{a, b}
}

func (c *comparer) answers(a, b *reading) {
	if a.Status != b.Status || a.Failure != b.Failure {
		c.add(pathStatus, KindValue, statusOf(a.Answer), statusOf(b.Answer))
	}
	if a.Status/100 != b.Status/100 {
		return // an error's body has nothing in common with a result's
	}
	for _, name := range c.headers {
		av, bv := strings.Join(a.Header.Values(name), ", "), strings.Join(b.Header.Values(name), ", ")
		switch path := pathHeader + name; {
		case av == bv:
		case bv == "":
			c.add(path, KindMissing, av, nil)
		case av == "":
			c.add(path, KindNew, nil, bv)
		default:
			c.add(path, KindValue, av, bv)
		}
	}
	c.bodies(a, b)
}

func statusOf(a *Answer) any {
	if a.Status == 0 {
		return "no answer: " + a.Failure
	}
	return json.Number(strconv.Itoa(a.Status))
}

func (c *comparer) bodies(a, b *reading) {
	switch {
	case a.is == contentUnknown || b.is == contentUnknown:
		c.digests(a, b)
	case a.is != b.is:
		c.add(pathBody, KindType, summary(a), summary(b))
	case a.is == contentJSON:
		if !bytes.Equal(a.plain, b.plain) || c.watch != nil {
			c.value(a.json, b.json, "$")
		}
	case !bytes.Equal(a.plain, b.plain) && a.is == contentText:
		left, right := textDifference(string(a.plain), string(b.plain))
		c.add(pathBody, KindValue, left, right)
	case !bytes.Equal(a.plain, b.plain):
		c.add(pathBody, KindValue, summary(a), summary(b))
	}
}

// digests compares bodies of which one was not kept whole.
func (c *comparer) digests(a, b *reading) {
	var unknown [32]byte
	if a.SHA256 == unknown || b.SHA256 == unknown {
		return
	}
	if a.Size != b.Size || a.SHA256 != b.SHA256 {
		c.add(pathBody, KindValue, summary(a), summary(b))
	}
}

// value compares two JSON values.
func (c *comparer) value(a, b any, path string) {
	if c.masked != "" && a == any(c.masked) {
		return
	}
	if typeOf(a) != typeOf(b) {
		c.add(path, KindType, a, b)
		return
	}
	switch a := a.(type) {
	case map[string]any:
		c.object(a, b.(map[string]any), path)
	case []any:
		c.list(a, b.([]any), path)
	case json.Number:
		c.number(a, b.(json.Number), path)
	default:
		if a != b && !c.clocks(a, b) {
			c.add(path, KindValue, a, b)
		}
	}
}

// clocks reports whether two values tell when their answers came.
func (c *comparer) clocks(a, b any) bool {
	return !c.at[0].IsZero() && !c.at[1].IsZero() && tellsTime(a, c.at[0]) && tellsTime(b, c.at[1])
}

// typeOf is a value's type as JSON has it.
func typeOf(v any) string {
	switch v.(type) {
	case map[string]any:
		return "object"
	case []any:
		return "array"
	case json.Number:
		return "number"
	case string:
		return "string"
	case bool:
		return "boolean"
	}
	return "null"
}

// grossFactor is how many times the learned tolerance a single difference must reach to count by itself.
const grossFactor = 5

func (c *comparer) number(a, b json.Number, path string) {
	if a == b {
		c.watch.number(path, 0)
		return
	}
	x, errA := a.Float64()
	y, errB := b.Float64()
	if c.clocks(a, b) {
		return
	}
	exact := x == y && !(wholeNumber(a) && wholeNumber(b)) // 1 and 1.0, but not two ids beyond 2⁵³
	if errA == nil && errB == nil {
		if exact || c.near(x, y, path) {
			c.watch.number(path, 0)
			return
		}
		c.watch.number(path, y-x)
		if t, ok := c.learned[path]; ok {
			if math.Abs(y-x) <= t {
				return
			}
			if math.Abs(y-x) > grossFactor*t {
				c.gross[path] = true
			}
		}
	}
	c.add(path, KindValue, a, b)
}

func wholeNumber(n json.Number) bool { return !strings.ContainsAny(string(n), ".eE") }

func (c *comparer) object(a, b map[string]any, path string) {
	var missing, added, both []string
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if _, ok := b[name]; ok {
			both = append(both, name)
		} else {
			missing = append(missing, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[name]; !ok {
			added = append(added, name)
		}
	}
	c.watch.object(path, a, missing, added)
	if c.dynamic[path] {
		c.dynamicObject(a, b, both, missing, added, path)
		return
	}
	for _, name := range both {
		c.value(a[name], b[name], member(path, name))
	}
	for _, name := range missing {
		c.add(member(path, name), KindMissing, a[name], nil)
	}
	for _, name := range added {
		c.add(member(path, name), KindNew, nil, b[name])
	}
}

// dynamicObject compares an object whose names do not count: those that both have by name, the others as a list
// without an order.
func (c *comparer) dynamicObject(a, b map[string]any, both, missing, added []string, path string) {
	below := anyMember(path)
	for _, name := range both {
		c.value(a[name], b[name], below)
	}
	if len(missing) != len(added) {
		c.add(path, KindLength, json.Number(strconv.Itoa(len(a))), json.Number(strconv.Itoa(len(b))))
		return
	}
	var left, right []any
	for i := range missing {
		left, right = append(left, a[missing[i]]), append(right, b[added[i]])
	}
	for i, j := range match(left, right) {
		c.value(left[i], right[j], below)
	}
}

func (c *comparer) list(a, b []any, path string) {
	if len(a) != len(b) {
		c.add(path, KindLength, json.Number(strconv.Itoa(len(a))), json.Number(strconv.Itoa(len(b))))
		return // elements that have moved would all count
	}
	below := element(path)
	if len(a) < 2 || !c.unordered[path] && !c.watch.permuted(path, a, b) {
		for i := range a {
			c.value(a[i], b[i], below)
		}
		return
	}
	for i, j := range match(a, b) {
		c.value(a[i], b[j], below)
	}
}
