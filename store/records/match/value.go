package match

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"
)

// Kind is the type of a JSON value.
type Kind byte

// The kinds; they are stored in indexes and do not change.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

// Value is a JSON value. Text is a string's characters, and of all others the JSON text.
type Value struct {
	Kind Kind
	Text string
	num  float64
}

// NumberOf is a number's value of its JSON text; ok is false for what is none.
func NumberOf(text string) (Value, bool) {
	n, err := strconv.ParseFloat(text, 64)
	return Value{Kind: Number, Text: text, num: n}, err == nil
}

// Restore is a scalar of the kind and text that it had.
func Restore(kind Kind, text string) Value {
	if kind == Number {
		v, _ := NumberOf(text)
		return v
	}
	return Value{Kind: kind, Text: text}
}

func (v Value) equal(o Value) bool {
	if v.Kind != o.Kind {
		return false
	}
	if v.Kind == Number {
		order, _ := v.compare(o)
		return order == 0
	}
	return v.Text == o.Text
}

// compare orders numbers and strings among themselves.
func (v Value) compare(o Value) (order int, ok bool) {
	switch {
	case v.Kind != o.Kind:
		return 0, false
	case v.Kind == String:
		return strings.Compare(v.Text, o.Text), true
	case v.Kind != Number:
		return 0, false
	}
	// Large ids differ in digits that a float does not have.
	a, err1 := strconv.ParseInt(v.Text, 10, 64)
	b, err2 := strconv.ParseInt(o.Text, 10, 64)
	if err1 == nil && err2 == nil {
		return cmp.Compare(a, b), true
	}
	return cmp.Compare(v.num, o.num), true
}

// scalar reads the JSON text of a value; ok is false when it is none.
func scalar(raw []byte) (v Value, ok bool) {
	if len(raw) == 0 {
		return v, false
	}
	switch raw[0] {
	case '{':
		return Value{Kind: Object, Text: string(raw)}, true
	case '[':
		return Value{Kind: Array, Text: string(raw)}, true
	case '"':
		text, ok := unquote(raw)
		return Value{Kind: String, Text: text}, ok
	case 't', 'f':
		text := string(raw)
		return Value{Kind: Bool, Text: text}, text == "true" || text == "false"
	case 'n':
		return Value{Kind: Null, Text: "null"}, string(raw) == "null"
	}
	return NumberOf(string(raw))
}

// unquote reads a JSON string with its quotes.
func unquote(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[len(raw)-1] != '"' {
		return "", false
	}
	plain := true
	for _, c := range raw[1 : len(raw)-1] {
		if c == '\\' || c < ' ' {
			plain = false
			break
		}
	}
	if plain {
		return string(raw[1 : len(raw)-1]), true
	}
	var text string
	err := json.Unmarshal(raw, &text)
	return text, err == nil
}
