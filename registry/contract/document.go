package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// MaxBytes is how long a document may be.
const MaxBytes = 4 << 20

// maxDepth bounds how deep documents are nested and references lead to references.
const maxDepth = 200

// Errors of Parse.
var (
	ErrTooLarge = errors.New("the document is too large")
	ErrNotAPI   = errors.New("it is no OpenAPI document of version 3")
)

// Document is a parsed OpenAPI document.
type Document struct {
	Version string // of OpenAPI: "3.1.0"
	Title   string
	API     string // the version that the document gives itself
	root    map[string]any
	ops     []operation
}

// Operation is one thing callers can ask.
type Operation struct {
	Name    string `json:"name"` // "POST /predict"
	Summary string `json:"summary,omitempty"`
}

// operation is where an operation lies in its document. key is its name without the names of path parameters.
type operation struct {
	key, name string
	item, op  map[string]any
	at        string // JSON pointer
}

var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// Parse reads an OpenAPI 3 document in JSON.
func Parse(data []byte) (*Document, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("%w: %d bytes, more than %d", ErrTooLarge, len(data), MaxBytes)
	}
	if err := shallow(data); err != nil {
		return nil, err
	}
	var root map[string]any
	if err := json.Unmarshal(data, &root); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotAPI, err)
	}
	d := &Document{Version: text(root["openapi"]), root: root}
	if !strings.HasPrefix(d.Version, "3.") {
		return nil, fmt.Errorf("%w: openapi is %q", ErrNotAPI, clip(d.Version))
	}
	info := object(root["info"])
	d.Title, d.API = text(info["title"]), text(info["version"])
	d.findOperations()
	return d, nil
}

// shallow refuses documents that are nested deeper than maxDepth before anything walks them.
func shallow(data []byte) error {
	depth, quoted, escaped := 0, false, false
	for _, c := range data {
		switch {
		case escaped:
			escaped = false
		case quoted:
			escaped, quoted = c == '\\', c != '"'
		case c == '"':
			quoted = true
		case c == '{', c == '[':
			if depth++; depth > maxDepth {
				return fmt.Errorf("%w: it is nested deeper than %d", ErrTooLarge, maxDepth)
			}
		case c == '}', c == ']':
			depth--
		}
	}
	return nil
}

func (d *Document) findOperations() {
	paths := object(d.root["paths"])
	for _, path := range keys(paths) {
		at := "#/paths/" + escape(path)
		item, at := d.deref(object(paths[path]), at)
		for _, method := range methods {
			op, ok := item[method].(map[string]any)
			if !ok {
				continue
			}
			verb := strings.ToUpper(method) + " "
			d.ops = append(d.ops, operation{key: verb + anonymous(path), name: verb + path, item: item, op: op, at: at + "/" + method})
		}
	}
	slices.SortFunc(d.ops, func(a, b operation) int { return strings.Compare(a.name, b.name) })
}

// Operations lists what callers can ask, sorted by name.
func (d *Document) Operations() []Operation {
	out := make([]Operation, len(d.ops))
	for i, o := range d.ops {
		out[i] = Operation{Name: o.name, Summary: text(o.op["summary"])}
	}
	return out
}

// anonymous takes the names out of a path's parameters: they mean nothing to callers.
func anonymous(path string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(path, "{")
		b.WriteString(before)
		_, after, closed := strings.Cut(rest, "}")
		if !found || !closed {
			if found {
				b.WriteString("{" + rest)
			}
			return b.String()
		}
		b.WriteString("{}")
		path = after
	}
}

// deref follows references within the document. at is the pointer of v and returned as that of the target. One that leads nowhere, out of
// the document or in a circle is an empty object.
func (d *Document) deref(v map[string]any, at string) (map[string]any, string) {
	for range maxDepth {
		ref, ok := v["$ref"].(string)
		if !ok {
			return v, at
		}
		v, at = object(d.lookup(ref)), ref
	}
	return nil, at
}

// target is the schema that one which is only a reference means: it is known by the same place wherever it is meant.
func (d *Document) target(n node) node {
	for range maxDepth {
		if len(n) != 1 {
			return n
		}
		m := object(n[0].schema)
		ref, ok := m["$ref"].(string)
		if !ok || len(m) > 1 {
			return n
		}
		n = node{{d.lookup(ref), ref}}
	}
	return n
}

// lookup resolves a JSON pointer of this document.
func (d *Document) lookup(ref string) any {
	pointer, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return nil
	}
	var v any = d.root
	for part := range strings.SplitSeq(pointer, "/") {
		part = strings.ReplaceAll(strings.ReplaceAll(part, "~1", "/"), "~0", "~")
		in, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		next, ok := in[part]
		if plain, err := url.PathUnescape(part); !ok && err == nil { // a pointer in a URL may be escaped like one
			next = in[plain]
		}
		v = next
	}
	return v
}

func escape(part string) string {
	return strings.ReplaceAll(strings.ReplaceAll(part, "~", "~0"), "/", "~1")
}

func object(v any) map[string]any {
	m, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	return m
}

func text(v any) string {
	s, ok := v.(string)
	if !ok {
		return ""
	}
	return s
}

func list(v any) []any {
	l, ok := v.([]any)
	if !ok {
		return nil
	}
	return l
}

// flag is a boolean; what is none is false.
func flag(v any) bool {
	b, ok := v.(bool)
	return ok && b
}

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// clip shortens what is shown of a document.
func clip(s string) string {
	const most = 120
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
