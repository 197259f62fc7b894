package configs

import (
	"reflect"
	"strings"
	"testing"
)

func loadSinks(t *testing.T, content string) (Settings, error) {
	t.Helper()
	return Load(Sources{File: "f.yaml", Optional: true, content: []byte(content)})
}

func TestSinks(t *testing.T) {
	s, err := loadSinks(t, `records:
  sinks:
    - url: postgres://aictl:geheim@db:5432/records?sslmode=require
    - {name: lake, url: "kafka://a:9092,b:9092/t", services: ["ocr*"], bodies: reference, max_body: 1MiB, from: now, batch: 10}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []Sink{
		{Name: "db:5432/records", URL: "postgres://aictl:geheim@db:5432/records?sslmode=require", Bodies: "full", MaxBody: 64 << 10, From: "beginning", Batch: 500},
		{Name: "lake", URL: "kafka://a:9092,b:9092/t", Services: []string{"ocr*"}, Bodies: "reference", MaxBody: 1 << 20, From: "now", Batch: 10},
	}
	for i, sink := range s.Records.Sinks {
		if got := sink.Filled(); !reflect.DeepEqual(got, want[i]) {
			t.Errorf("got %+v\nwant %+v", got, want[i])
		}
	}
	for _, e := range s.Explain() {
		if strings.Contains(e.Value, "geheim") {
			t.Errorf("%s shows the password: %s", e.Key, e.Value)
		}
		if e.Key == "records.sinks" && !strings.Contains(e.Value, "lake: kafka://a:9092,b:9092/t of ocr*") {
			t.Errorf("shown as %s", e.Value)
		}
	}
	for _, c := range Diff(DefaultSettings(), s) {
		if strings.Contains(c.New, "geheim") {
			t.Errorf("the change shows the password: %s", c.New)
		}
		if c.Key == "records.sinks" && c.Effect != EffectLive {
			t.Errorf("effect %s", c.Effect)
		}
	}
}

func TestBadSinks(t *testing.T) {
	for content, want := range map[string]string{
		`[{url: "ftp://u:geheim@h/x"}]`:                                                  "not a kind of sink",
		`[{url: "postgres://u:geheim@h"}]`:                                               "not the address of a sink",
		`[{url: "postgres://u:geheim@h:x/db"}]`:                                          "not the address of a sink",
		`[{url: "postgres://h/db", bodies: some}]`:                                       "full, reference, none",
		`[{url: "postgres://h/db", from: yesterday}]`:                                    "beginning, now",
		`[{url: "postgres://h/db", batch: -1}]`:                                          "between 1 and 10000",
		`[{url: "postgres://h/db", services: ["["]}]`:                                    "is no pattern",
		`[{url: "postgres://u@h/db", password_file: pw}]`:                                "absolute path",
		`[{url: "postgres://h/db", password_file: /pw}]`:                                 "names no user",
		`[{url: "postgres://h/db"}, {url: "postgres://h/db"}]`:                           "name of two sinks",
		`[{url: "postgres://h/db", max_body: -1}]`:                                       "negative",
		"[" + strings.Repeat(`{url: "kafka://h/t"},`, 21) + `{url: "kafka://h/t"}` + "]": "more than the 20",
	} {
		_, err := loadSinks(t, "records: {sinks: "+content+"}")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v, want %q", content, err, want)
		}
	}
}
