package procs

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// FuzzParseTrial: whatever a program prints, it is an answer that can be checked or an error that says what was printed.
func FuzzParseTrial(f *testing.F) {
	for _, text := range []string{"", "\n", "no\n{}", `{"version":"v1","min_protocol":1,"max_protocol":3,"handover":1}`, `{"handover":"1"}`, "{\"handover\":1e99}", "\xff"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		answer, err := parseTrial(text)
		if err == nil && answer.check() == nil && answer.Handover != handoverFormat {
			t.Errorf("%q passes", text)
		}
	})
}

// FuzzHandoverDocument: a document that is not this process's is refused, and none makes a keeper panic.
func FuzzHandoverDocument(f *testing.F) {
	f.Add([]byte(""))
	f.Add([]byte(`{"format":1,"pid":1}`))
	f.Add(fmt.Appendf(nil, `{"format":1,"pid":%d,"instances":[{"record":{"nonce":"x"},"spec":null}]}`, os.Getpid()))
	f.Add([]byte(`{"format":2,"listeners":[{"name":"api","fd":-5}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "document")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		h := &Handover{file: file}
		if err := h.read(); err == nil && (h.doc.Format != handoverFormat || h.doc.PID != os.Getpid()) {
			t.Errorf("%q is taken", data)
		}
	})
}
