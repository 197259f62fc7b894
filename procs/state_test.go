package procs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestStateFileIsRewrittenInPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.json")
	r := record{
		Format: stateFormat, Nonce: "n", State: StateRunning, Wanted: true, PID: 12, Start: 34,
		Spec: &Spec{ID: "ocr/1", Argv: []string{"x"}, Dir: "/"},
	}
	if err := saveRecord(path, r); err != nil {
		t.Fatal(err)
	}
	r.PID, r.State, r.LastExit = 0, StateBackoff, &Exit{Code: 1, At: testTime}
	r.Reason = strings.Repeat("long ", 1000)
	for range 11 {
		r.Failures = append(r.Failures, testTime.Add(123456789*time.Nanosecond))
	}
	head, err := r.head()
	if err != nil {
		t.Fatal(err)
	}
	if err := rewriteHead(path, head); err != nil {
		t.Fatal(err)
	}
	got, err := readRecord(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Reason) > 410 || len(got.Failures) != 11 {
		t.Errorf("reason of %d bytes, %d failures", len(got.Reason), len(got.Failures))
	}
	got.Reason = r.Reason
	if !reflect.DeepEqual(*got, r) {
		t.Errorf("got %+v\nwant %+v", *got, r)
	}
}

func TestReadRecordRefuses(t *testing.T) {
	good, err := json.Marshal(Spec{ID: "ocr/1", Argv: []string{"x"}, Dir: "/"})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing": "", "noise": "\x00\x00", "no spec": `{"format":1,"nonce":"n"}`, "null spec": "{\"format\":1,\"nonce\":\"n\"}\nnull",
		"no nonce": "{\"format\":1}\n" + string(good), "another format": "{\"format\":2,\"nonce\":\"n\"}\n" + string(good),
		"bad spec": "{\"format\":1,\"nonce\":\"n\"}\n{}",
	} {
		path := filepath.Join(t.TempDir(), "x.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := readRecord(path); err == nil {
			t.Errorf("%s: accepted %+v", name, r)
		}
	}
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte("{\"format\":1,\"nonce\":\"n\",\"state\":\"running\",\"wanted\":true}  \n{\"id\":\"ocr/1\",\"argv\":[\"x\"],\"dir\":\"/\"}"))
	f.Add([]byte(`{"format":1}`))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseRecord(data)
		if err == nil && (r.Spec == nil || checkID(r.Spec.ID) != nil) {
			t.Errorf("accepted %s", data)
		}
	})
}
