package giteatest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestLFS speaks the batch API: what is there comes, what is not is said object by object, and what is not what it claims to be is refused.
func TestLFS(t *testing.T) {
	s := New(t, Options{})
	r := s.Repo(t, "ai", "ocr")
	token := s.Token("ai", "all")
	ask := func(method, url, body string) (int, []byte) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("any", token)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		data, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, data
	}
	batch := func(operation, oid string, size int) lfsObject {
		t.Helper()
		status, data := ask("POST", r.CloneURL()+"/info/lfs/objects/batch", fmt.Sprintf(`{"operation":%q,"objects":[{"oid":%q,"size":%d}]}`, operation, oid, size))
		var out struct{ Objects []lfsObject }
		if err := json.Unmarshal(data, &out); status != http.StatusOK || err != nil || len(out.Objects) != 1 {
			t.Fatalf("batch: %d %s %v", status, data, err)
		}
		return out.Objects[0]
	}
	content := []byte("a model")
	sum := sha256.Sum256(content)
	oid := hex.EncodeToString(sum[:])
	if o := batch("download", oid, len(content)); o.Error == nil || o.Error.Code != http.StatusNotFound {
		t.Errorf("what is not there: %+v", o)
	}
	o := batch("upload", oid, len(content))
	if status, _ := ask("PUT", o.Actions["upload"].Href, "another model"); status != http.StatusUnprocessableEntity {
		t.Errorf("another content: %d", status)
	}
	if status, _ := ask("PUT", o.Actions["upload"].Href, string(content)); status != http.StatusOK {
		t.Errorf("the content: %d", status)
	}
	if o = batch("upload", oid, len(content)); len(o.Actions) != 0 {
		t.Errorf("it is there already: %+v", o)
	}
	if pointer := r.LFS(t, content); !strings.Contains(pointer, oid) {
		t.Errorf("pointer: %s", pointer)
	}
	if status, data := ask("GET", batch("download", oid, len(content)).Actions["download"].Href, ""); status != http.StatusOK || !bytes.Equal(data, content) {
		t.Errorf("download: %d %q", status, data)
	}
}
