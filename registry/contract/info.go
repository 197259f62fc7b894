package contract

import (
	"encoding/json"
	"fmt"
)

// CompareInfo compares two answers of /info, key by key at the top. What is no JSON object is not compared.
func CompareInfo(old, next []byte) []Change {
	before, ok := infoOf(old)
	after, also := infoOf(next)
	if !ok || !also {
		return nil
	}
	var out []Change
	add := func(level Level, key, was, is, text string) {
		path := "$" + step(key)
		out = append(out, Change{Level: level, Kind: InfoChanged, Operation: "GET /info", Path: path, Old: was, New: is, Text: "GET /info, " + path + ": " + text})
	}
	for _, key := range keys(before) {
		was := before[key]
		is, still := after[key]
		a, b := clip(string(was)), clip(string(is))
		switch {
		case len(out) >= maxChanges:
			return out
		case !still:
			add(MayBreak, key, a, "", "is gone")
		case kindOf(string(was)) != kindOf(string(is)) && !numbers(was, is):
			add(MayBreak, key, a, b, fmt.Sprintf("was %s and is %s", kindOf(string(was)), kindOf(string(is))))
		case string(was) != string(is):
			add(Harmless, key, a, b, a+" → "+b)
		}
	}
	for _, key := range keys(after) {
		if _, had := before[key]; !had && len(out) < maxChanges {
			add(Harmless, key, "", clip(string(after[key])), "is new")
		}
	}
	return out
}

func numbers(a, b []byte) bool {
	return kindOf(string(a))&isNumber != 0 && kindOf(string(b))&isNumber != 0
}

// infoOf reads a JSON object's values, each as compact JSON.
func infoOf(data []byte) (map[string]json.RawMessage, bool) {
	if len(data) > MaxBytes || shallow(data) != nil {
		return nil, false
	}
	var values map[string]any
	if json.Unmarshal(data, &values) != nil || values == nil {
		return nil, false
	}
	out := make(map[string]json.RawMessage, len(values))
	for key, v := range values {
		out[key] = json.RawMessage(encoded(v))
	}
	return out, true
}
