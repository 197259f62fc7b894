package recorder

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aictl/configs"
	"aictl/recorder/intents"
	"aictl/store/records"

	"github.com/klauspost/compress/zstd"
)

// secret is what must be on no disk.
const secret = "13800138000-geheim"

// planted are exchanges with the secret in every place that the policy below covers.
func planted(t *testing.T) map[string]*records.Exchange {
	t.Helper()
	body := []byte(`{"user":{"phone":"` + secret + `","name":"li"},"items":[{"key":"` + secret + `"}]}`)
	packed, err := gzipped(body)
	if err != nil {
		t.Fatal(err)
	}
	message := func(kind string, body []byte) records.Message {
		return records.Message{Header: http.Header{"Content-Type": {kind}}, Size: int64(len(body)), Body: body}
	}
	all := map[string]*records.Exchange{
		"header":     {Request: records.Message{Header: http.Header{"X-Tenant": {secret}, "Authorization": {"Bearer " + secret}, "X-Api-Key": {secret}}}},
		"cookie":     {Request: records.Message{Header: http.Header{"Cookie": {"sid=" + secret}}}, Response: records.Message{Header: http.Header{"Set-Cookie": {"sid=" + secret}}}},
		"trailer":    {Response: records.Message{Trailer: http.Header{"X-Tenant": {secret}}}},
		"query":      {Query: "a=1&token=" + secret + "&tok%65n=" + secret + "&b=2;token=" + secret},
		"referer":    {Request: records.Message{Header: http.Header{"Referer": {"http://host/page?token=" + secret + "#top"}}}},
		"json":       {Request: message("application/json", body), Response: message("application/json", body)},
		"json lines": {Response: message("application/x-ndjson", append(append(bytes.Clone(body), '\n'), body...))},
		"escaped":    {Request: message("application/json", []byte(`{"us\u0065r":{"phone":"`+secret+`"}}`))},
		"form":       {Request: message("application/x-www-form-urlencoded", []byte("phone="+secret))},
		"multipart":  {Request: message("multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=\"user.phone\"\r\n\r\n"+secret+"\r\n--x--\r\n"))},
		"stream":     {Response: message("text/event-stream", []byte(`data: {"user":{"phone":"`+secret+`"}}`+"\n\n"))},
		"websocket":  {Status: 101, Request: message("", []byte(`{"user":{"phone":"`+secret+`"}}{"x"`)), Response: message("", []byte(secret))},
		"cut":        {Request: records.Message{Body: body[:40], Size: int64(len(body)), Truncated: true}},
		"garbled":    {Response: message("application/json", []byte(`{"user":{"phone":"`+secret+`"`))},
		"error":      {Status: 502, End: records.EndUpstreamError, Error: `net/http: HTTP/1.x transport connection broken: malformed HTTP response "{\"phone\":\"` + secret + `\"}"`},
		"session":    {Request: records.Message{Header: http.Header{"X-Tenant": {secret}}}},
	}
	for _, side := range []string{"gzip", "deflate"} {
		x := &records.Exchange{Request: message("application/json", packed)}
		x.Request.Header.Set("Content-Encoding", side)
		all[side] = x
	}
	return all
}

// TestSecretsReachNoDisk reads the raw files of a data directory, what they hold compressed, and every record as it is read back,
// for planted secrets.
func TestSecretsReachNoDisk(t *testing.T) {
	dir := t.TempDir()
	quiet := slog.New(slog.DiscardHandler)
	log := &logs{}
	archive, err := records.Open(filepath.Join(dir, "records"), records.Options{Logger: log.logger()})
	if err != nil {
		t.Fatal(err)
	}
	journal := intents.Open(filepath.Join(dir, "records", "intents"), quiet)
	r := New(archive, Options{Journal: journal, Key: []byte("key"), Logger: log.logger(), Stored: func(context.Context, string) (records.End, error) { return "", nil }})
	err = r.Configure("a", configs.Record{Redact: []string{"$.user.phone", "$.items[*].key", "header:X-Tenant", "query:token"}, Session: "header:X-Tenant",
		User: "json:$.user.phone", Model: "header:X-Tenant", Index: []string{"$.user.phone", "$.items[*].key", "$.user", "$.user.name"}})
	if err != nil {
		t.Fatal(err)
	}
	all := planted(t)
	for _, x := range all {
		tk, err := r.Admit(t.Context(), records.Intent{Service: "a", Method: "POST", Path: "/predict", Header: x.Request.Header})
		if err != nil {
			t.Fatal(err)
		}
		x.Method, x.Path = "POST", "/predict"
		tk.End(x)
	}
	if _, err := r.Admit(t.Context(), records.Intent{Service: "a", Header: http.Header{"X-Tenant": {secret}}}); err != nil {
		t.Fatal(err) // is never ended: it stays in the list
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l := r.Ledger(); l.Recorded != int64(len(all)) {
		t.Fatalf("%+v", l)
	}
	scanFiles(t, dir) // with the write-ahead log
	scanRecords(t, archive, len(all))
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	scanFiles(t, dir)
	if err := journal.Close(); err != nil {
		t.Fatal(err)
	}
	scanFiles(t, dir)
	if log.count(secret) > 0 {
		t.Error("the secret is in the log")
	}
}

func scanRecords(t *testing.T, archive *records.Archive, want int) {
	t.Helper()
	n := 0
	_, err := archive.Each(t.Context(), records.Filter{}, func(x *records.Exchange) error {
		n++
		text, err := json.Marshal(x)
		if err != nil {
			return err
		}
		bodies := append(bytes.Clone(x.Request.Body), x.Response.Body...)
		if plain, err := gunzip(x.Request.Body); err == nil {
			bodies = append(bodies, plain...)
		}
		if bytes.Contains(text, []byte(secret)) || bytes.Contains(bodies, []byte(secret)) {
			t.Errorf("a record holds the secret: %s", text)
		}
		return nil
	})
	if err != nil || n != want {
		t.Errorf("%d records, want %d; %v", n, want, err)
	}
}

// scanFiles looks for the secret in the bytes of all files, and in what begins anywhere in them like a zstd frame.
func scanFiles(t *testing.T, dir string) {
	t.Helper()
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	files := 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		if leaks(content) {
			t.Errorf("%s holds the secret", path)
		}
		for rest := content; ; rest = rest[1:] {
			at := bytes.Index(rest, []byte("\x28\xb5\x2f\xfd"))
			if at < 0 {
				return nil
			}
			rest = rest[at:]
			plain, err := dec.DecodeAll(rest[:min(len(rest), 1<<20)], nil) // what follows the frame is an error; what came of it stays
			if leaks(plain) {
				t.Errorf("%s holds the secret, compressed (%v)", path, err)
			}
		}
	})
	if err != nil || files < 2 {
		t.Fatal(files, err)
	}
}

func leaks(b []byte) bool {
	return bytes.Contains(b, []byte(secret)) || bytes.Contains(b, []byte(strings.TrimSuffix(secret, "-geheim")))
}

// The scan itself must find what is there.
func TestScanFindsWhatIsNotMasked(t *testing.T) {
	enc, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	frame := enc.EncodeAll([]byte(strings.Repeat("x", 1000)+secret), []byte("head"))
	dec, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dec.Close()
	plain, err := dec.DecodeAll(append(frame[4:], "tail of the page"...), nil)
	if !leaks(plain) {
		t.Errorf("a frame with something after it is not read: %v", err)
	}
}

// Midnight and a clock that is set while requests run: each exchange is stored on the day it began, whenever it ended.
func TestMidnightAndClockSteps(t *testing.T) {
	dir := t.TempDir()
	archive, err := records.Open(dir, records.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 23, 59, 59, 0, time.UTC)
	r := New(archive, Options{Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)})
	want := map[string]int{}
	var open []Ticket
	for _, step := range []time.Duration{0, 900 * time.Millisecond, 200 * time.Millisecond, -2 * time.Hour, 26 * time.Hour, -48 * time.Hour} {
		now = now.Add(step)
		for range 5 {
			tk, err := r.Admit(t.Context(), records.Intent{Service: "a", StartedAt: now})
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, tk)
			want[now.Format(time.DateOnly)]++
		}
	}
	for i := range open { // in another order, at another time
		open[len(open)-1-i].End(&records.Exchange{End: records.EndComplete})
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l := r.Ledger(); l.Recorded != int64(len(open)) || !balanced(l) {
		t.Fatalf("%+v", l)
	}
	got := map[string]int{}
	if _, err := archive.Each(t.Context(), records.Filter{}, func(x *records.Exchange) error {
		got[x.StartedAt.Format(time.DateOnly)]++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("records by day: %v, want %v", got, want)
	}
	for day := range want {
		if _, err := os.Stat(filepath.Join(dir, day+".db")); err != nil {
			t.Error(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
}
