package configs

import (
	"encoding"
	"reflect"
	"strings"
)

// fields are a struct's keys as its yaml tags name them.
type fields struct {
	names []string
	index map[string]int
}

func fieldsOf(t reflect.Type) fields {
	f := fields{index: map[string]int{}}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			continue
		}
		f.names = append(f.names, name)
		f.index[name] = i
	}
	return f
}

// hint helps with a key that does not exist in t, the struct at path.
func (f fields) hint(key string, t reflect.Type, path string) string {
	if near := suggest(key, f.names); near != "" {
		return " (did you mean \"" + near + "\"?)"
	}
	for _, leaf := range leaves(t) {
		if strings.HasSuffix(leaf.path, "."+key) {
			return " (did you mean \"" + keyPath(path, leaf.path) + "\"?)"
		}
	}
	return " (known: " + strings.Join(f.names, ", ") + ")"
}

// leaf is a key that holds a value rather than further keys.
type leaf struct {
	path  string
	index []int
	field reflect.StructField
}

var textType = reflect.TypeFor[encoding.TextUnmarshaler]()

// leaves lists the keys of a struct, those of structs in it with dots between.
func leaves(t reflect.Type) []leaf {
	var all []leaf
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" || name == "-" {
			continue
		}
		if f.Type.Kind() != reflect.Struct || reflect.PointerTo(f.Type).Implements(textType) {
			all = append(all, leaf{path: name, index: []int{i}, field: f})
			continue
		}
		for _, sub := range leaves(f.Type) {
			all = append(all, leaf{path: name + "." + sub.path, index: append([]int{i}, sub.index...), field: sub.field})
		}
	}
	return all
}
