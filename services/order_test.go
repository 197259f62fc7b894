package services

import (
	"fmt"
	"testing"
)

func TestOrder(t *testing.T) {
	for _, tc := range []struct {
		name   string
		after  map[string][]string
		waits  string
		cycles string
	}{
		{"nothing", nil, "map[]", "[]"},
		{"one after another", map[string][]string{"c": {"b"}, "b": {"a"}, "a": nil}, "map[b:[a] c:[b]]", "[]"},
		{"a diamond", map[string][]string{"d": {"c", "b"}, "c": {"a"}, "b": {"a"}, "a": nil}, "map[b:[a] c:[a] d:[b c]]", "[]"},
		{"unknown names", map[string][]string{"b": {"gone", "a"}, "a": {"nobody"}}, "map[b:[a]]", "[]"},
		{"named twice", map[string][]string{"b": {"a", "a"}, "a": nil}, "map[b:[a]]", "[]"},
		{"itself", map[string][]string{"a": {"a"}}, "map[]", "[[a a]]"},
		{"two in a circle", map[string][]string{"a": {"b"}, "b": {"a"}}, "map[a:[b]]", "[[a b a]]"},
		{"a circle behind another", map[string][]string{"x": {"a"}, "a": {"b"}, "b": {"c"}, "c": {"a"}}, "map[a:[b] b:[c] x:[a]]", "[[a b c a]]"},
	} {
		waits, cycles := order(tc.after)
		if fmt.Sprint(waits) != tc.waits || fmt.Sprint(cycles) != tc.cycles {
			t.Errorf("%s: %v %v, want %s %s", tc.name, waits, cycles, tc.waits, tc.cycles)
		}
	}
}
