package configs

import (
	"math"
	"reflect"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// plain decodes a string, number or boolean.
func (d *decoder) plain(n *yaml.Node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.String:
		if s, ok := d.scalar(n, path, "text"); ok {
			v.SetString(s)
		}
	case reflect.Int, reflect.Int64:
		var i int
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || n.Decode(&i) != nil {
			d.fault(n.Line, path, "%s is not a whole number", describe(n))
			return
		}
		v.SetInt(int64(i))
	case reflect.Float64:
		var f float64
		tag := n.ShortTag()
		if n.Kind != yaml.ScalarNode || (tag != "!!int" && tag != "!!float") || n.Decode(&f) != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			d.fault(n.Line, path, "%s is not a number", describe(n))
			return
		}
		v.SetFloat(f)
	case reflect.Bool:
		var b bool
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!bool" || n.Decode(&b) != nil {
			d.fault(n.Line, path, "%s is neither true nor false", describe(n))
			return
		}
		v.SetBool(b)
	default:
		panic("configs: no decoding for " + v.Type().String())
	}
}

// scalar returns a scalar's text as written: 3.10 stays "3.10".
func (d *decoder) scalar(n *yaml.Node, path, want string) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		d.fault(n.Line, path, "must be %s, not %s", want, describe(n))
		return "", false
	}
	if n.ShortTag() == "!!binary" {
		d.fault(n.Line, path, "must be %s, not !!binary data", want)
		return "", false
	}
	return n.Value, true
}

func isNull(n *yaml.Node) bool {
	return n.Kind == 0 || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// describe names a node for a message.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.AliasNode:
		return describe(n.Alias)
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	}
	return strconv.Quote(clip(n.Value))
}

// clip shortens text for a message.
func clip(s string) string {
	if r := []rune(s); len(r) > maxShown {
		return string(r[:maxShown]) + "…"
	}
	return s
}

func keyPath(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
