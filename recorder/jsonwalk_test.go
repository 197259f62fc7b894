package recorder

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"
)

// FuzzWalk compares the walker with encoding/json: it takes nothing that encoding/json does not, finds the same values, and
// what it takes as one document it takes as a whole.
func FuzzWalk(f *testing.F) {
	for _, s := range []string{`{"a":[1,-0.5e+3,{"b":null}],"a":"\u00e9\n"}`, `[]`, `{}`, ` 1 2 "x" `, `{"a":1}{"b":2}`, `{"a":1}` + "\n" + `[2]`,
		`[1,]`, `{"a"}`, `01`, `1.`, `-`, `"\x"`, `"` + "\x01" + `"`, `truefalse`, `"a""b"`, `[[[[[[[[[[1]]]]]]]]]]`, "\ufeff{}", `{"\ud800":1}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var tops int
		err := walk(body, func(start, end int, at []step, scalar bool) {
			raw := body[start:end]
			if !json.Valid(raw) {
				t.Fatalf("%q: %q is no JSON", body, raw)
			}
			if isContainer := raw[0] == '{' || raw[0] == '['; isContainer == scalar {
				t.Fatalf("%q: %q is a scalar: %v", body, raw, scalar)
			}
			if len(at) == 0 {
				tops++
			}
		})
		want, wantErr := documents(body)
		if err == nil && (wantErr != nil || want != tops) {
			t.Fatalf("%q: %d documents, encoding/json finds %d and %v", body, tops, want, wantErr)
		}
		if err != nil && json.Valid(body) && !errors.Is(err, errDepth) {
			t.Fatalf("%q: %v", body, err)
		}
	})
}

func documents(body []byte) (n int, err error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	for {
		var raw json.RawMessage
		if err := dec.Decode(&raw); errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, err
		}
		n++
	}
}

func TestFirstScalar(t *testing.T) {
	for body, want := range map[string]string{
		`{"id":"a\u0062"}`: "ab", `{"id":7e2}`: "7e2", `{"id":true}`: "true", `{"id":null}`: "", `{"id":{}}`: "", `{"i\u0064":"x"}`: "x",
		`{"id":""} {"id":"second"}`: "second", `{"id":"x"`: "", `{"é":1,"id":"é"}`: "é",
	} {
		path, err := parsePath("$.id")
		if err != nil {
			t.Fatal(err)
		}
		if got := firstScalar([]byte(body), path); got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
}
