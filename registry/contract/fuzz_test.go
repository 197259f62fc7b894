package contract

import (
	"fmt"
	"testing"
)

// FuzzCompare: no document makes a comparison panic, run away or contradict itself.
func FuzzCompare(f *testing.F) {
	for _, s := range []string{
		`{"openapi":"3.0.0","paths":{"/a/{id}":{"parameters":[{"in":"path","name":"id","required":true,"schema":{"type":"string"}}],"get":{"responses":{"200":{"content":{"*/*":{"schema":{"$ref":"#/components/schemas/A"}}}}}}}},"components":{"schemas":{"A":{"oneOf":[{"$ref":"#/components/schemas/A"},{"type":["null","object"],"properties":{"a":{"enum":[1,1.5,null,"x",[1],{"b":2}]}},"required":["a","z"],"additionalProperties":{"$ref":"#/components/schemas/A"}}]}}}}`,
		`{"openapi":"3.1.0","paths":{"/a":{"post":{"requestBody":{"required":true,"content":{"application/json":{"schema":{"allOf":[{"type":"array","items":{"const":3}},{"minItems":2,"maxItems":1e300}]}}}},"responses":{"default":{}}}}}}`,
		`{"openapi":"3.1.0","paths":{"{":{"get":{}},"}{":{"get":{"parameters":[{"in":"path","name":"x"},{"in":"query"},3],"security":[{}]}}},"security":[{"k":[]}]}`,
		`{"openapi":"3.1.0","paths":[],"components":"x"}`, `{}`, ``, `{"openapi":3}`,
	} {
		for _, other := range []string{s, `{"openapi":"3.0.0"}`} {
			f.Add([]byte(s), []byte(other))
		}
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		CompareInfo(a, b)
		old, err := Parse(a)
		if err != nil {
			return
		}
		if r := Compare(old, old); r.Worst() != Harmless && !r.Cut {
			t.Fatalf("a document breaks itself: %+v", r.Changes)
		}
		next, err := Parse(b)
		if err != nil {
			return
		}
		first, again := Compare(old, next), Compare(old, next)
		if fmt.Sprint(first) != fmt.Sprint(again) || len(first.Changes) > maxChanges {
			t.Fatalf("two comparisons differ:\n%+v\n%+v", first, again)
		}
	})
}
