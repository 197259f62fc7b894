package contract

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
)

// kinds are sets of JSON types. A number is an integer or has a fraction.
type kinds uint8

const (
	isNull kinds = 1 << iota
	isBoolean
	isInteger
	isFraction
	isString
	isArray
	isObject
	isNumber = isInteger | isFraction
	anything = isNull | isBoolean | isNumber | isString | isArray | isObject
)

// families are the kinds that are compared with each other.
var families = []kinds{isNull, isBoolean, isNumber, isString, isArray, isObject}

var kindsByName = map[string]kinds{
	"null": isNull, "boolean": isBoolean, "integer": isInteger, "number": isNumber, "string": isString, "array": isArray, "object": isObject,
}

// String names the kinds: "string or null".
func (k kinds) String() string {
	if k == anything {
		return "anything"
	}
	var names []string
	for _, f := range []struct {
		of   kinds
		name string
	}{{isObject, "object"}, {isArray, "array"}, {isString, "string"}, {isNumber, "number"}, {isInteger, "integer"}, {isBoolean, "boolean"}, {isNull, "null"}} {
		if k&f.of == f.of && !(f.of == isInteger && k&isNumber == isNumber) {
			names = append(names, f.name)
		}
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, " or ")
}

// part is a schema (an object, or true or false) and the JSON pointer that it is known by.
type part struct {
	schema any
	at     string
}

// node is a schema that is the conjunction of its parts.
type node []part

// at identifies a node within its document.
func (n node) at() string {
	if len(n) == 1 {
		return n[0].at
	}
	names := make([]string, len(n))
	for i, p := range n {
		names[i] = p.at
	}
	return strings.Join(names, " & ")
}

// limit is one end of a range.
type limit struct {
	value float64
	open  bool // the value itself is out
}

// shape is one of the forms that values of a schema take. After split its kinds are of one family.
type shape struct {
	kinds    kinds
	enum     map[string]bool // JSON texts; nil: any value
	required map[string]bool
	props    map[string]node
	items    node
	rest     node // additionalProperties, when they are a schema or true
	closed   bool // additionalProperties: false
	lower    map[string]limit
	upper    map[string]limit
	pattern  string
	format   string
}

// free reports whether nothing but the kind bounds the values.
func (s *shape) free() bool {
	return s.enum == nil && len(s.required)+len(s.props)+len(s.lower)+len(s.upper)+len(s.items)+len(s.rest) == 0 && !s.closed && s.pattern == "" && s.format == ""
}

func (s *shape) clone() *shape {
	c := *s
	c.enum, c.required, c.props = maps.Clone(s.enum), maps.Clone(s.required), maps.Clone(s.props)
	c.lower, c.upper = maps.Clone(s.lower), maps.Clone(s.upper)
	return &c
}

func cloneAll(in []*shape) []*shape {
	out := make([]*shape, len(in))
	for i, s := range in {
		out[i] = s.clone()
	}
	return out
}

// split gives each family of a shape's kinds a shape of its own.
func split(s *shape) []*shape {
	var out []*shape
	for _, family := range families {
		k := s.kinds & family
		if k == 0 {
			continue
		}
		own := s.clone()
		own.kinds = k
		if own.enum != nil {
			maps.DeleteFunc(own.enum, func(value string, _ bool) bool { return kindOf(value)&k == 0 })
			if len(own.enum) == 0 {
				continue
			}
		}
		out = append(out, own)
	}
	return out
}

// kindOf tells the kind of a JSON text.
func kindOf(text string) kinds {
	switch {
	case text == "" || text == "null":
		return isNull
	case text[0] == '"':
		return isString
	case text[0] == '{':
		return isObject
	case text[0] == '[':
		return isArray
	case text[0] == 't' || text[0] == 'f':
		return isBoolean
	case strings.ContainsAny(text, ".eE"):
		return isFraction
	}
	return isInteger
}

// merge joins shapes of scalars that together are one: lists of values, and a free one with whatever it covers.
func merge(in []*shape) []*shape {
	var out []*shape
	for _, s := range in {
		i := slices.IndexFunc(out, func(o *shape) bool { return joins(o, s) })
		switch {
		case i < 0:
			out = append(out, s)
		case out[i].enum != nil && s.enum != nil:
			out[i].kinds |= s.kinds
			maps.Copy(out[i].enum, s.enum)
		case s.free():
			out[i] = s
		}
	}
	return out
}

func joins(a, b *shape) bool {
	scalar := isNull | isBoolean | isNumber | isString
	if a.kinds&scalar == 0 || !sameFamily(a.kinds, b.kinds) {
		return false
	}
	onlyEnum := func(s *shape) bool { return s.enum != nil && len(s.lower)+len(s.upper) == 0 && s.pattern == "" }
	return onlyEnum(a) && onlyEnum(b) || a.free() && a.kinds&b.kinds == b.kinds || b.free() && b.kinds&a.kinds == a.kinds
}

func sameFamily(a, b kinds) bool {
	return slices.ContainsFunc(families, func(f kinds) bool { return a&f != 0 && b&f != 0 })
}

// encoded is a value of an enum as JSON; what cannot be written is null.
func encoded(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "null"
	}
	return string(b)
}

// boundKeys are the keywords of ranges; zero is what a lower one without the keyword is, where there is one.
var boundKeys = []struct {
	lower, upper string
	zero         bool
}{{"minLength", "maxLength", true}, {"minItems", "maxItems", true}, {"minProperties", "maxProperties", true}, {"minimum", "maximum", false}}

// readBounds narrows a shape's ranges by those of a schema.
func (s *shape) readBounds(m map[string]any) {
	for _, key := range boundKeys {
		if v, ok := m[key.lower].(float64); ok && !(key.zero && v <= 0) {
			narrow(&s.lower, key.lower, limit{v, flag(m["exclusiveMinimum"]) && key.lower == "minimum"}, 1)
		}
		if v, ok := m[key.upper].(float64); ok {
			narrow(&s.upper, key.upper, limit{v, flag(m["exclusiveMaximum"]) && key.upper == "maximum"}, -1)
		}
	}
	if v, ok := m["exclusiveMinimum"].(float64); ok {
		narrow(&s.lower, "minimum", limit{v, true}, 1)
	}
	if v, ok := m["exclusiveMaximum"].(float64); ok {
		narrow(&s.upper, "maximum", limit{v, true}, -1)
	}
}

// narrow keeps the tighter limit; sign is 1 for a lower and -1 for an upper one.
func narrow(in *map[string]limit, key string, l limit, sign float64) {
	if math.IsNaN(l.value) {
		return
	}
	if *in == nil {
		*in = map[string]limit{}
	}
	if old, ok := (*in)[key]; !ok || tighter(l, old, sign) {
		(*in)[key] = l
	}
}

// tighter reports whether a leaves less than b.
func tighter(a, b limit, sign float64) bool {
	return a.value*sign > b.value*sign || a.value == b.value && a.open && !b.open
}
