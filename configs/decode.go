package configs

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"

	"go.yaml.in/yaml/v3"
)

const (
	// maxFile bounds a manifest or settings file in bytes.
	maxFile = 1 << 20
	// maxNodes bounds how many values are looked at, aliases counted each time they are used.
	maxNodes = 50_000
	// maxFaults bounds how many faults of one file are told.
	maxFaults = 100
	// maxShown bounds what of a value is shown in a message, in characters.
	maxShown = 80
)

// decoder fills a struct from YAML and collects every fault. Keys are the fields' yaml tags; what a file does not
// mention keeps the value it has.
type decoder struct {
	file   string
	lines  map[string]int // path → line of every key that was given
	faults []Fault
	nodes  int
}

func newDecoder(file string) *decoder { return &decoder{file: file, lines: map[string]int{}} }

func (d *decoder) fault(line int, path, format string, args ...any) {
	if len(d.faults) < maxFaults {
		d.faults = append(d.faults, Fault{File: d.file, Line: line, Path: clip(path), Msg: fmt.Sprintf(format, args...)})
	}
}

// decode reads one YAML document into the struct that dst points to.
func (d *decoder) decode(data []byte, dst any) {
	if len(data) > maxFile {
		d.fault(0, "", "is %d bytes long, more than the %d that are read", len(data), maxFile)
		return
	}
	root := d.parse(data)
	if root == nil {
		return
	}
	if root.Kind != yaml.MappingNode {
		d.fault(root.Line, "", "must hold keys and values, not %s", describe(root))
		return
	}
	d.value(root, reflect.ValueOf(dst).Elem(), "")
}

// parse returns the document's root; nil when the file is empty or no YAML.
func (d *decoder) parse(data []byte) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		d.syntax(data, err)
		return nil
	}
	if err := dec.Decode(&second); err == nil {
		d.fault(second.Line, "", "holds more than one document: remove the part after ---")
	} else if !errors.Is(err, io.EOF) {
		d.syntax(data, err)
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) {
		return nil
	}
	return doc.Content[0]
}

// value decodes one node into v.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string) {
	if d.nodes++; d.nodes > maxNodes {
		if d.nodes == maxNodes+1 {
			d.fault(n.Line, path, "the file has more than %d values", maxNodes)
		}
		return
	}
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if isNull(n) {
		return
	}
	if short, ok := v.Addr().Interface().(shorthand); ok && n.Kind == yaml.ScalarNode {
		if !short.fromWord(n.Value) {
			d.fault(n.Line, path, "must hold keys and values, or be %s, not %s", short.words(), describe(n))
		}
		return
	}
	if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if s, ok := d.scalar(n, path, "one value"); ok {
			if err := text.UnmarshalText([]byte(s)); err != nil {
				d.fault(n.Line, path, "%s", err)
			}
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.object(n, v, path)
	case reflect.Map:
		d.dict(n, v, path)
	case reflect.Slice:
		d.list(n, v, path)
	default:
		d.plain(n, v, path)
	}
}

// shorthand is a struct that one word can stand for: `health: none`.
type shorthand interface {
	fromWord(word string) bool
	words() string
}

// object decodes a mapping into a struct.
func (d *decoder) object(n *yaml.Node, v reflect.Value, path string) {
	fields := fieldsOf(v.Type())
	d.pairs(n, path, func(key, val *yaml.Node, at string) {
		index, ok := fields.index[key.Value]
		if !ok {
			d.fault(key.Line, at, "unknown key%s", fields.hint(key.Value, v.Type(), path))
			return
		}
		d.value(val, v.Field(index), at)
	})
}

// dict decodes a mapping into a map of strings.
func (d *decoder) dict(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.fault(n.Line, path, "must hold names and values, not %s", describe(n))
		return
	}
	m := reflect.MakeMap(v.Type())
	d.pairs(n, path, func(key, val *yaml.Node, at string) {
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(val, elem, at)
		m.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), elem)
	})
	v.Set(m)
}

// pairs calls fn for every key of a mapping that is given for the first time.
func (d *decoder) pairs(n *yaml.Node, path string, fn func(key, val *yaml.Node, at string)) {
	if n.Kind != yaml.MappingNode {
		d.fault(n.Line, path, "must hold keys and values, not %s", describe(n))
		return
	}
	first := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			d.fault(key.Line, path, "a key must be a word, not %s", describe(key))
			continue
		}
		at := keyPath(path, key.Value)
		if key.Tag == "!!merge" {
			d.fault(key.Line, at, "merging with << is not supported: write the keys out")
			continue
		}
		if line, twice := first[key.Value]; twice {
			d.fault(key.Line, at, "given twice, first on line %d", line)
			continue
		}
		first[key.Value] = key.Line
		d.lines[at] = key.Line
		fn(key, val, at)
	}
}

// list decodes a sequence.
func (d *decoder) list(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		hint := ""
		if n.Kind == yaml.ScalarNode {
			hint = fmt.Sprintf(" (write [%s])", clip(n.Value))
		}
		d.fault(n.Line, path, "must be a list, not %s%s", describe(n), hint)
		return
	}
	s := reflect.MakeSlice(v.Type(), 0, min(len(n.Content), maxNodes))
	for i, c := range n.Content {
		if d.nodes > maxNodes {
			return
		}
		at := fmt.Sprintf("%s[%d]", path, i)
		d.lines[at] = c.Line
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(c, elem, at)
		s = reflect.Append(s, elem)
	}
	v.Set(s)
}
