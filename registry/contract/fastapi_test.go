package contract

import (
	"os"
	"testing"
)

// TestFastAPI compares two documents that FastAPI wrote, with a tree of models, choices, optional values and an upload.
func TestFastAPI(t *testing.T) {
	read := func(name string) *Document {
		data, err := os.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return parsed(t, string(data))
	}
	old, next := read("fastapi-1.json"), read("fastapi-2.json")
	same(t, Compare(old, old).Changes)
	var worse []Change
	for _, c := range Compare(old, next).Changes {
		if c.Level != Harmless {
			worse = append(worse, c)
		}
	}
	same(t, worse,
		"breaks type response 200 $.label", // of GET /items/{id}
		"breaks new-required query lang",
		"breaks bounds request $.text",
		"breaks new-required request $.tree.children[*].weight",
		"breaks new-required request $.tree.weight",
		"breaks type response 200 $.label")
}
