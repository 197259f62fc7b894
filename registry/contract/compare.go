package contract

import (
	"fmt"
	"strconv"
)

// direction says who sends a value: a caller (request) or the service (response). It decides which changes break callers.
type direction bool

const (
	request  direction = false
	response direction = true
)

// comparer compares the schemas of two documents.
type comparer struct {
	worker
	old, next *Document
	under     map[string]bool // pairs under comparison: circles of references end there
	known     map[string][]Change
}

func newComparer(old, next *Document) *comparer {
	return &comparer{worker: worker{left: maxWork}, old: old, next: next, under: map[string]bool{}, known: map[string][]Change{}}
}

// schemas lists what differs between two schemas, with paths from their root.
func (c *comparer) schemas(dir direction, old, next node) []Change {
	old, next = c.old.target(old), c.next.target(next)
	key := strconv.FormatBool(bool(dir)) + " " + old.at() + " → " + next.at()
	if done, ok := c.known[key]; ok || c.under[key] || !c.spend(1) {
		return done
	}
	if len(c.under) > maxDepth {
		c.cut = true
		return nil
	}
	c.under[key] = true
	found := c.compare(dir, old, next)
	delete(c.under, key)
	c.known[key] = found
	return found
}

func (c *comparer) compare(dir direction, old, next node) []Change {
	hidden := map[direction]string{request: "readOnly", response: "writeOnly"}[dir]
	a := (&expander{worker: &c.worker, doc: c.old, hidden: hidden}).shapes(old)
	b := (&expander{worker: &c.worker, doc: c.next, hidden: hidden}).shapes(next)
	was, is := kindsOf(a), kindsOf(b)
	if undescribed(a) != undescribed(b) {
		return []Change{described(dir, undescribed(a), was, is)}
	}
	var out []Change
	if was != is {
		out = append(out, typeChange(dir, was, is))
	}
	// Whatever callers send must be taken; whatever they get must be what they know.
	from, to := a, b
	if dir == response {
		from, to = b, a
	}
	for _, f := range from {
		out = append(out, c.bestOf(dir, f, to)...)
	}
	return out
}

// bestOf compares a form with those of the other side that could cover it, and tells the differences to the nearest.
func (c *comparer) bestOf(dir direction, f *shape, to []*shape) []Change {
	var best []Change
	for i, t := range to {
		if !sameFamily(f.kinds, t.kinds) || !c.spend(1) {
			continue
		}
		a, b := f, t
		if dir == response {
			a, b = t, f
		}
		found := c.forms(dir, a, b)
		if best == nil || weight(found) < weight(best) {
			best = append([]Change{}, found...)
		}
		if weight(best) == 0 || i >= maxShapes {
			break
		}
	}
	return best
}

func weight(changes []Change) (n int) {
	for _, ch := range changes {
		switch ch.Level {
		case Breaks:
			n += 10_000
		case MayBreak:
			n += 100
		default:
			n++
		}
	}
	return n
}

func kindsOf(in []*shape) (k kinds) {
	for _, s := range in {
		k |= s.kinds
	}
	return k
}

// undescribed reports whether a schema says nothing.
func undescribed(in []*shape) bool {
	if kindsOf(in) != anything {
		return false
	}
	for _, s := range in {
		if !s.free() {
			return false
		}
	}
	return true
}

// described is the change between a schema that says nothing and one that says something.
func described(dir direction, before bool, was, is kinds) Change {
	ch := Change{Level: Harmless, Kind: TypeChanged, Old: was.String(), New: is.String(), Text: "is described now: " + is.String()}
	if !before {
		ch.Text = "is not described any more"
	}
	if before == (dir == request) { // the side that could be sure of nothing, or is now
		ch.Level = MayBreak
	}
	return ch
}

// typeChange judges other types. An integer is a number.
func typeChange(dir direction, was, is kinds) Change {
	ch := Change{Level: Harmless, Kind: TypeChanged, Old: was.String(), New: is.String(), Text: fmt.Sprintf("was %s and is %s", was, is)}
	lost := was &^ is // what callers may send
	if dir == response {
		lost = is &^ was // what callers may get
	}
	if lost == 0 {
		return ch
	}
	ch.Level = Breaks
	if lost == isNull {
		ch.Text = map[direction]string{request: "must not be null any more", response: "may be null now"}[dir]
	}
	return ch
}

// forms compares two forms of one family.
func (c *comparer) forms(dir direction, a, b *shape) []Change {
	out := enums(dir, a, b)
	out = append(out, bounds(dir, a, b)...)
	if a.kinds&isArray != 0 {
		out = append(out, under("[*]", c.schemas(dir, orAny(a.items), orAny(b.items)))...)
	}
	if a.kinds&isObject != 0 {
		out = append(out, c.objects(dir, a, b)...)
	}
	return out
}

// orAny is a schema that says nothing where there is none.
func orAny(n node) node {
	if len(n) == 0 {
		return node{{true, "true"}}
	}
	return n
}

// under puts changes below a place. They may be shared, so they are copied.
func under(place string, in []Change) []Change {
	out := make([]Change, len(in))
	for i, ch := range in {
		ch.Path = place + ch.Path
		out[i] = ch
	}
	return out
}
