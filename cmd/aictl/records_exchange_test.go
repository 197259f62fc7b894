package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// against runs the program against a handler.
func against(t *testing.T, h http.HandlerFunc, p program, args ...string) result {
	t.Helper()
	srv := httptest.NewServer(h)
	defer srv.Close()
	return p.run(t, append([]string{"--server", srv.URL, "--token", "t"}, args...)...)
}

// TestExportIsWholeOrNotThere: a connection that is lost, and an end that was not told, leave the file that was there.
func TestExportIsWholeOrNotThere(t *testing.T) {
	for name, end := range map[string]func(http.ResponseWriter){
		"cut":   func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
		"short": func(http.ResponseWriter) {},
		"whole": func(w http.ResponseWriter) {
			w.Header().Set("Aictl-Records", "3")
			w.Header().Set("Aictl-Warnings", `"[\"day file is damaged\"]"`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "out.jsonl")
			if err := os.WriteFile(file, []byte("before"), 0o600); err != nil {
				t.Fatal(err)
			}
			got := against(t, func(w http.ResponseWriter, r *http.Request) {
				if q := r.URL.Query(); q.Get("format") != "jsonl" || q.Get("order") != "newest" || q.Get("limit") != "3" || q.Get("service") != "ocr" {
					t.Errorf("asked for %s", r.URL)
				}
				w.Header().Set("Trailer", "Aictl-Records, Aictl-Warnings")
				fmt.Fprint(w, strings.Repeat("{}\n", 3000))
				end(w)
			}, program{}, "records", "export", "-O", file, "--newest", "-n", "3", "--service", "ocr")
			content, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
				t.Errorf("left over: %v %v", left, err)
			}
			if name == "whole" {
				if got.code != exitOK || len(content) != 9000 || !strings.Contains(got.err, "3 records") || !strings.Contains(got.err, "day file is damaged") {
					t.Errorf("%+v, %d bytes", got, len(content))
				}
				return
			}
			if got.code != exitFailed || string(content) != "before" || !strings.Contains(got.err, "not whole") {
				t.Errorf("%+v, %.20s", got, content)
			}
		})
	}
}

// TestExportByName: format and compression come from the file's name where they are not given.
func TestExportByName(t *testing.T) {
	for name, want := range map[string]string{
		"a.csv": "csv ", "a.parquet": "parquet ", "a.HAR.gz": "har gzip", "a.ndjson.zst": "jsonl zstd", "a": "jsonl ", "a.txt": "jsonl ",
	} {
		asked := ""
		got := against(t, func(w http.ResponseWriter, r *http.Request) {
			asked = r.URL.Query().Get("format") + " " + r.URL.Query().Get("compress")
			w.Header().Set("Trailer", "Aictl-Records, Aictl-Warnings")
			fmt.Fprint(w, "x")
			w.Header().Set("Aictl-Records", "0")
			w.Header().Set("Aictl-Warnings", `"[]"`)
		}, program{}, "records", "export", "-O", filepath.Join(t.TempDir(), name))
		if asked != want || got.code != exitOK {
			t.Errorf("%s: asked for %q, %+v", name, asked, got)
		}
	}
	got := against(t, http.NotFound, program{width: 80}, "records", "export", "--format", "parquet")
	if got.code != exitUsage || !strings.Contains(got.err, "not for a terminal") {
		t.Errorf("parquet on a terminal: %+v", got)
	}
}

// TestImportComesAgain: a daemon that is short of memory is asked again, with the same records.
func TestImportComesAgain(t *testing.T) {
	file := filepath.Join(t.TempDir(), "in.jsonl")
	lines := strings.Repeat("{\"service\":\"ocr\"}\n", importRecords+1)
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	var calls, records atomic.Int64
	got := against(t, func(w http.ResponseWriter, r *http.Request) {
		z, err := zstd.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		defer z.Close()
		text, err := io.ReadAll(z)
		if err != nil {
			t.Error(err)
		}
		if calls.Add(1) == 1 {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"code":"unavailable","detail":"no memory"}`)
			return
		}
		n := strings.Count(string(text), "\n")
		records.Add(int64(n))
		rejected := ""
		if n == 1 {
			rejected = `{"index":0,"line":1,"reason":"it is odd"}`
			n = 0
		}
		w.WriteHeader(http.StatusMultiStatus)
		fmt.Fprintf(w, `{"schemaVersion":1,"accepted":%d,"duplicates":0,"rejected":[%s],"ids":[]}`, n, rejected)
	}, program{}, "records", "import", file, "-o", "json")
	if calls.Load() != 3 || records.Load() != importRecords+1 {
		t.Errorf("%d calls, %d records", calls.Load(), records.Load())
	}
	if got.code != exitFailed || !strings.Contains(got.err, fmt.Sprintf("line %d: it is odd", importRecords+1)) || !strings.Contains(got.out, `"accepted": 1000`) {
		t.Errorf("%+v", got)
	}
}

// TestImportOfABrokenFile: what stands before the break is stored, and the command fails.
func TestImportOfABrokenFile(t *testing.T) {
	got := against(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"schemaVersion":1,"accepted":1,"duplicates":0,"rejected":[],"ids":["x"]}`)
	}, program{in: strings.NewReader(`{"log":{"entries":[{"startedDateTime":"2026-11-21T07:00:00Z","request":{"url":"/"}},{"sta`)}, "records", "import", "-", "--service", "web")
	if got.code != exitFailed || !strings.Contains(got.err, "1 stored") || !strings.Contains(got.err, "not JSON") && !strings.Contains(got.err, "too early") {
		t.Errorf("%+v", got)
	}
}

func TestSessionOfNobody(t *testing.T) {
	got := against(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() != "/api/v1/records/sessions/a%2Fb%20c" || r.URL.Query().Get("follow") != "" {
			t.Errorf("asked for %s", r.URL)
		}
	}, program{}, "records", "session", "a/b c")
	if got.code != exitNotFound {
		t.Errorf("%+v", got)
	}
	got = against(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `{"record":{"id":"x","service":"ocr","method":"POST","path":"/p","status":0,"end":"timeout","error":"slow","started_at":"2026-11-21T07:00:00Z",`+
			`"request":{"size":9,"body":"a\n\u001b[31m b","body_encoding":"text","truncated":true},"response":{"size":3,"body":"","omitted":true}}}`)
	}, program{}, "records", "session", "s")
	if got.code != exitOK || !strings.Contains(got.out, "timeout slow") || !strings.Contains(got.out, "… 9 B") || !strings.Contains(got.out, "3 B, not kept") || strings.Contains(got.out, "\x1b") {
		t.Errorf("%+v", got)
	}
}
