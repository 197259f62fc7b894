package contract

import (
	"maps"
	"slices"
	"strconv"
)

// Bounds of a comparison: how many forms a schema may have, and how much work all of it may be.
const (
	maxShapes = 64
	maxWork   = 400_000
)

// worker counts the work of a comparison.
type worker struct {
	left int
	cut  bool // something was left out
}

// spend takes n from what is left and reports whether there was enough.
func (w *worker) spend(n int) bool {
	if w.left -= n; w.left < 0 {
		w.cut = true
	}
	return w.left >= 0
}

// expander turns the schemas of one document into shapes. In a request fields that are only ever answered do not count, and the
// other way round.
type expander struct {
	*worker
	doc    *Document
	hidden string // "readOnly" or "writeOnly"
	stack  []string
}

// shapes are the forms of a node, each of one family.
func (e *expander) shapes(n node) []*shape {
	forms := []*shape{{kinds: anything}}
	for _, p := range n {
		forms = e.apply(forms, p)
	}
	var out []*shape
	for _, s := range forms {
		out = append(out, split(s)...)
	}
	return merge(out)
}

// apply narrows forms by a part.
func (e *expander) apply(in []*shape, p part) []*shape {
	m, ok := p.schema.(map[string]any)
	if !ok {
		if p.schema == false {
			return nil
		}
		return in
	}
	if len(e.stack) > maxDepth || !e.spend(len(in)*(1+len(m)+len(object(m["properties"])))) || slices.Contains(e.stack, p.at) {
		return in
	}
	e.stack = append(e.stack, p.at)
	defer func() { e.stack = e.stack[:len(e.stack)-1] }()
	var null []*shape
	if flag(m["nullable"]) {
		null = onlyNull(in)
	}
	if ref, ok := m["$ref"].(string); ok {
		in = e.apply(in, part{e.doc.lookup(ref), ref})
	}
	for _, s := range in {
		e.keywords(s, m, p.at)
	}
	in = slices.DeleteFunc(in, func(s *shape) bool { return s.kinds == 0 })
	for i, sub := range list(m["allOf"]) {
		in = e.apply(in, part{sub, p.at + "/allOf/" + strconv.Itoa(i)})
	}
	for _, key := range []string{"anyOf", "oneOf"} {
		in = e.alternatives(in, list(m[key]), p.at+"/"+key+"/")
	}
	return append(in, null...)
}

// alternatives are the forms that each of the choices leaves.
func (e *expander) alternatives(in []*shape, choices []any, at string) []*shape {
	if len(choices) == 0 {
		return in
	}
	var out []*shape
	for i, choice := range choices {
		out = append(out, e.apply(cloneAll(in), part{choice, at + strconv.Itoa(i)})...)
		if len(out) > maxShapes {
			e.cut = true
			return out[:maxShapes]
		}
	}
	return out
}

func onlyNull(in []*shape) []*shape {
	for _, s := range in {
		if s.kinds&isNull != 0 {
			return []*shape{{kinds: isNull}}
		}
	}
	return nil
}

// keywords narrows one form by what a schema says itself.
func (e *expander) keywords(s *shape, m map[string]any, at string) {
	s.kinds &= typesOf(m)
	if values, ok := m["enum"].([]any); ok {
		s.restrict(values)
	}
	if value, ok := m["const"]; ok {
		s.restrict([]any{value})
	}
	s.readBounds(m)
	if p := text(m["pattern"]); p != "" {
		s.pattern = p
	}
	if f := text(m["format"]); f != "" {
		s.format = f
	}
	if text(m["contentMediaType"]) == "application/octet-stream" { // OpenAPI 3.1's word for what 3.0 calls binary
		s.format = "binary"
	}
	e.fields(s, m, at)
	if items, ok := m["items"]; ok {
		s.items = append(slices.Clip(s.items), part{items, at + "/items"})
	}
}

// restrict leaves only some values.
func (s *shape) restrict(values []any) {
	set := make(map[string]bool, len(values))
	for _, v := range values {
		if text := encoded(v); s.enum == nil || s.enum[text] {
			set[text] = true
		}
	}
	s.enum = set
}

// fields reads what a schema says of an object.
func (e *expander) fields(s *shape, m map[string]any, at string) {
	props := object(m["properties"])
	if len(props) > 0 && s.props == nil {
		s.props = make(map[string]node, len(props))
	}
	for name, schema := range props {
		if flag(object(schema)[e.hidden]) {
			continue
		}
		s.props[name] = append(slices.Clip(s.props[name]), part{schema, at + "/properties/" + escape(name)})
	}
	for _, v := range list(m["required"]) {
		name, ok := v.(string)
		if !ok || flag(object(props[name])[e.hidden]) {
			continue
		}
		if s.required == nil {
			s.required = map[string]bool{}
		}
		s.required[name] = true
	}
	switch rest := m["additionalProperties"].(type) {
	case bool:
		if !rest {
			s.closed = true
		} else {
			s.rest = append(slices.Clip(s.rest), part{rest, at + "/additionalProperties"})
		}
	case map[string]any:
		s.rest = append(slices.Clip(s.rest), part{rest, at + "/additionalProperties"})
	}
}

// typesOf are the kinds that a schema allows by its type, or by the keywords it has when it names none.
func typesOf(m map[string]any) kinds {
	switch t := m["type"].(type) {
	case string:
		if k, ok := kindsByName[t]; ok {
			return k
		}
	case []any:
		var k kinds
		for _, name := range t {
			k |= kindsByName[text(name)]
		}
		if k != 0 {
			return k
		}
	}
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return m[n] != nil })
	}
	switch {
	case has("properties", "required", "additionalProperties"):
		return isObject
	case has("items", "prefixItems"):
		return isArray
	}
	return anything
}

// valuesOf are the values of an enum for people, sorted, a few of them.
func valuesOf(enum map[string]bool) string {
	const most = 10
	names := slices.Sorted(maps.Keys(enum))
	out := ""
	for i, n := range names {
		if i == most {
			return out + ", …"
		}
		if i > 0 {
			out += ", "
		}
		out += clip(n)
	}
	return out
}
