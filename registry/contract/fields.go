package contract

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
)

// objects compares the fields of two objects.
func (c *comparer) objects(dir direction, a, b *shape) []Change {
	var out []Change
	for _, name := range keys(a.props) {
		place := step(name)
		was := a.props[name]
		is, still := b.props[name]
		switch {
		case still:
			out = append(out, fieldNeeded(dir, place, a.required[name], b.required[name])...)
			out = append(out, under(place, c.schemas(dir, was, is))...)
		case len(b.rest) > 0 && dir == request: // a map takes it
			out = append(out, under(place, c.schemas(dir, was, b.rest))...)
		default:
			text := "is gone"
			if dir == request {
				text = "is not taken any more"
			}
			out = append(out, Change{Level: Breaks, Kind: FieldRemoved, Path: place, Text: text})
		}
	}
	for _, name := range keys(b.props) {
		if _, had := a.props[name]; !had {
			out = append(out, c.newField(dir, a, b, name))
		}
	}
	for _, name := range keys(b.required) { // what is required without being described
		if b.props[name] == nil && !a.required[name] && dir == request {
			out = append(out, Change{Level: Breaks, Kind: NewRequired, Path: step(name), Text: "is required now, and was not known"})
		}
	}
	return append(out, c.others(dir, a, b)...)
}

// fieldNeeded compares whether a field that stays must be there.
func fieldNeeded(dir direction, place string, was, is bool) []Change {
	switch {
	case was == is:
		return nil
	case is && dir == request:
		return []Change{{Level: Breaks, Kind: BecameRequired, Path: place, Text: "is required now"}}
	case is:
		return []Change{{Level: Harmless, Kind: BecameRequired, Path: place, Text: "is always there now"}}
	case dir == request:
		return []Change{{Level: Harmless, Kind: BecameOptional, Path: place, Text: "may be left out now"}}
	}
	return []Change{{Level: Breaks, Kind: BecameOptional, Path: place, Text: "may be missing now"}}
}

// newField judges a field that was not there.
func (c *comparer) newField(dir direction, a, b *shape, name string) Change {
	ch := Change{Level: Harmless, Kind: FieldAdded, Path: step(name), Text: "is new"}
	if dir == request && b.required[name] && !a.required[name] {
		ch.Level, ch.Kind, ch.Text = Breaks, NewRequired, "is required now, and was not known"
	}
	return ch
}

// others compares what two objects say of fields that they do not name.
func (c *comparer) others(dir direction, a, b *shape) []Change {
	if dir == request && b.closed && !a.closed {
		ch := Change{Level: MayBreak, Kind: Closed, Text: "fields that are not known are refused now"}
		if len(a.rest) > 0 {
			ch.Level = Breaks
		}
		return []Change{ch}
	}
	if len(a.rest) == 0 || len(b.rest) == 0 {
		return nil
	}
	return under(".*", c.schemas(dir, a.rest, b.rest))
}

// enums compares lists of values.
func enums(dir direction, a, b *shape) []Change {
	gone, more := without(a.enum, b.enum), without(b.enum, a.enum)
	ch := Change{Kind: EnumChanged, Level: Harmless, Old: valuesOf(a.enum), New: valuesOf(b.enum)}
	switch {
	case a.enum == nil && b.enum == nil:
		return nil
	case a.enum == nil:
		if ch.Text = "is one of a list of values now: " + ch.New; dir == request {
			ch.Level = Breaks
		}
	case b.enum == nil:
		if ch.Text = "is not one of a list of values any more"; dir == response {
			ch.Level = MayBreak
		}
	case len(gone) == 0 && len(more) == 0:
		return nil
	case dir == request && len(gone) > 0:
		ch.Level, ch.Text = Breaks, "does not take "+valuesOf(gone)+" any more"
	case dir == request:
		ch.Text = "takes " + valuesOf(more) + ", too"
	case len(more) > 0:
		ch.Level, ch.Text = MayBreak, "may be "+valuesOf(more)+" now"
	default:
		ch.Text = "is not " + valuesOf(gone) + " any more"
	}
	return []Change{ch}
}

func without(a, b map[string]bool) map[string]bool {
	out := maps.Clone(a)
	maps.DeleteFunc(out, func(k string, _ bool) bool { return b[k] })
	return out
}

// bounds compares lengths, ranges, patterns and formats.
func bounds(dir direction, a, b *shape) []Change {
	var out []Change
	for _, key := range boundKeys {
		if dir == request { // an answer within tighter or looser bounds is one that callers can read
			out = append(out, bound(key.lower, a.lower, b.lower, 1)...)
			out = append(out, bound(key.upper, a.upper, b.upper, -1)...)
		}
	}
	if a.pattern != b.pattern && b.pattern != "" && dir == request {
		ch := Change{Level: MayBreak, Kind: BoundsChanged, Old: clip(a.pattern), New: clip(b.pattern), Text: "must match another pattern now: " + clip(b.pattern)}
		if a.pattern == "" {
			ch.Level, ch.Text = Breaks, "must match a pattern now: "+clip(b.pattern)
		}
		out = append(out, ch)
	}
	if from, to := a.format, b.format; from != to {
		ch := Change{Level: MayBreak, Kind: FormatChanged, Old: clip(from), New: clip(to), Text: fmt.Sprintf("has the format %q, not %q", clip(to), clip(from))}
		if dir == request && to == "" || dir == response && from == "" {
			ch.Level = Harmless
		}
		out = append(out, ch)
	}
	return out
}

func bound(key string, old, next map[string]limit, sign float64) []Change {
	was, had := old[key]
	is, has := next[key]
	if !has || had && !tighter(is, was, sign) {
		return nil
	}
	ch := Change{Level: Breaks, Kind: BoundsChanged, New: is.String(), Text: key + " is " + is.String()}
	if had {
		ch.Old = was.String()
		ch.Text += ", was " + ch.Old
	}
	return []Change{ch}
}

// String is the limit's value.
func (l limit) String() string {
	s := strconv.FormatFloat(l.value, 'g', -1, 64)
	if l.open {
		s += " (excluded)"
	}
	return s
}

// step is a field in a path.
func step(name string) string {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r < 0x80
	}) {
		return "['" + clip(strings.ReplaceAll(name, "'", "\\'")) + "']"
	}
	return "." + clip(name)
}
