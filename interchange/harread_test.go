package interchange

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"aictl/store/records"
)

func readHAR(t *testing.T, text string) (items []HARItem, err error) {
	t.Helper()
	err = ReadHAR(strings.NewReader(text), func(item HARItem) error {
		items = append(items, item)
		return nil
	})
	return items, err
}

// browserHAR has what browsers and proxies write beside the standard, or instead of it.
const browserHAR = "\xef\xbb\xbf" + `{"log":{"version":"1.2","creator":{"name":"WebInspector","version":"537.36"},"pages":[{"id":"p"}],"entries":[
 {"_initiator":{"type":"script"},"startedDateTime":"2026-11-21T15:00:00.123+08:00","time":84.5,
  "request":{"method":"POST","url":"https://ai.example.com/ai/ocr/predict%20x?a=1&b","httpVersion":"h2","headers":[{"name":":authority","value":"x"},{"name":"content-type","value":"application/json"},{"name":"x","value":"1"},{"name":"x","value":"2"}],
   "postData":{"mimeType":"application/json","text":"{\"page\":1}"},"bodySize":10},
  "response":{"status":200,"content":{"size":3,"mimeType":"image/png","text":"/wBh","encoding":"base64"},"headers":[]},
  "timings":{"blocked":-1,"send":0.5,"wait":80,"receive":4}},
 {"startedDateTime":"2026-11-21T07:00:01Z","time":-1,"request":{"method":"GET","url":"https://ai.example.com/x"},"response":{"status":0,"_error":"net::ERR_BLOCKED","content":{}}},
 {"startedDateTime":"2026-11-21T07:00:02Z","time":"soon","request":{"method":"POST","url":"/form","postData":{"params":[{"name":"a b","value":"&"}]}},"response":{"status":204,"bodySize":-1,"content":{"size":77}}},
 {"startedDateTime":"yesterday","request":{"url":"/"}},
 {"startedDateTime":"2026-11-21T07:00:02Z","request":{}},
 {"startedDateTime":"2026-11-21T07:00:03Z","time":1000,"request":{"method":"GET","url":"wss://ai.example.com/ws"},"response":{"status":101},
  "_webSocketMessages":[{"type":"send","time":1795244403.5,"opcode":1,"data":"hi"},{"type":"receive","time":1795244403.6,"opcode":2,"data":"/wA="}]}
],"comment":""}}`

func TestReadHAR(t *testing.T) {
	items, err := readHAR(t, browserHAR)
	if err != nil || len(items) != 6 {
		t.Fatalf("%d entries, %v", len(items), err)
	}
	r := rules()
	r.Service, r.Source = "ocr", records.SourceImport
	var xs []*records.Exchange
	for _, item := range items {
		if item.Err != nil {
			continue
		}
		x, err := r.Exchange(item.Entry)
		if err != nil {
			t.Fatal(err)
		}
		xs = append(xs, x)
	}
	if len(xs) != 4 || !errors.Is(items[3].Err, ErrRecord) || !strings.Contains(items[4].Err.Error(), "request.url") {
		t.Fatalf("%d taken; %v, %v", len(xs), items[3].Err, items[4].Err)
	}
	x := xs[0]
	if x.Path != "/ai/ocr/predict%20x" || x.Query != "a=1&b" || string(x.Request.Body) != `{"page":1}` || string(x.Response.Body) != "\xff\x00a" ||
		len(x.Request.Header) != 2 || len(x.Request.Header.Values("X")) != 0 || len(map[string][]string(x.Request.Header)["x"]) != 2 || milliseconds(x.Duration) != 84.5 || milliseconds(x.FirstByte) != 80.5 || x.StartedAt.Hour() != 7 {
		t.Errorf("%+v", x)
	}
	if x := xs[1]; x.Status != 0 || x.End != records.EndClientAbort || x.Error != "net::ERR_BLOCKED" {
		t.Errorf("blocked: %+v", x)
	}
	if x := xs[2]; string(x.Request.Body) != "a+b=%26" || x.Response.Size != 77 || !x.Response.Omitted {
		t.Errorf("form: %+v", x)
	}
	if x := xs[3]; string(x.Request.Body) != "hi" || string(x.Response.Body) != "\xff\x00" || len(x.Request.Frames) != 1 || x.Request.Frames[0].At.Seconds() != 0.5 {
		t.Errorf("socket: %+v", x)
	}
	again, err := readHAR(t, browserHAR)
	if err != nil || again[0].Entry.ID != items[0].Entry.ID || items[0].Entry.ID == items[1].Entry.ID {
		t.Errorf("ids %s %s %v", again[0].Entry.ID, items[1].Entry.ID, err)
	}
}

// TestHAROfOurOwn: what HAR has no place for comes back, too.
func TestHAROfOurOwn(t *testing.T) {
	for _, frames := range []bool{true, false} {
		x := everything()
		x.Request.Trailer = nil
		if x.Request.Truncated = false; !frames {
			x.Response.Frames = nil
		}
		x.Request.Header = map[string][]string{"A": {"1", "2"}, "b": {""}}
		x.Request.Size, x.Request.SHA256 = 3, [32]byte{}
		items, err := readHAR(t, string(export(t, Options{Format: HAR, Bodies: BodiesText}, x, x)))
		if err != nil || len(items) != 2 || items[1].Err != nil {
			t.Fatalf("%+v %v", items, err)
		}
		r := rules()
		r.Source = records.SourceImport
		got, err := r.Exchange(items[1].Entry)
		if err != nil || !reflect.DeepEqual(got, x) {
			t.Errorf("\n got %+v\nwant %+v\n%v", got, x, err)
		}
	}
}

func TestNotHAR(t *testing.T) {
	for text, want := range map[string]string{
		"": "empty", "[]": "not a HAR", `{"log":[]}`: "not a HAR", `{"log":{"entries":{}}}`: "not a HAR", `{"log":{}}`: "not a HAR", `{"x":1}`: "not a HAR",
		`{"log":{"entries":[{}`: "too early", `{"log":{"entries":[{}`[:15]: "not JSON", `{"log":{"entries":[1 2]}}`: "not JSON",
	} {
		_, err := readHAR(t, text)
		if !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if !LooksLikeHAR([]byte("\xef\xbb\xbf {\n \"log\": {")) || LooksLikeHAR([]byte(`{"id":"x","log":1}`)) || LooksLikeHAR(nil) {
		t.Error("HAR is not told from JSON lines")
	}
}

func FuzzHAR(f *testing.F) {
	f.Add([]byte(browserHAR))
	f.Add([]byte(`{"log":{"entries":[{"_aictl":{"id":"x"}}]}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r := rules()
		r.Service = "ocr"
		err := ReadHAR(bytes.NewReader(text), func(item HARItem) error {
			if item.Err != nil {
				if !errors.Is(item.Err, ErrRecord) {
					t.Fatalf("%q: %v", text, item.Err)
				}
				return nil
			}
			if _, err := r.Exchange(item.Entry); err != nil {
				if !errors.Is(err, ErrRecord) {
					t.Fatalf("%q: %v", text, err)
				}
				return nil
			}
			if _, err := json.Marshal(item.Entry); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			return nil
		})
		if err != nil && !errors.Is(err, ErrBroken) {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

func FuzzItems(f *testing.F) {
	f.Add([]byte("{\"a\":1}\n\n[1]\r\n"))
	f.Add([]byte(`[{"a":1},{"b":[]}] x`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, read := range []func(func(Item) error) error{
			func(visit func(Item) error) error { return Lines(bytes.NewReader(text), visit) },
			func(visit func(Item) error) error { _, err := Array(bytes.NewReader(text), visit); return err },
		} {
			next := 0
			err := read(func(item Item) error {
				if item.Index != next || item.Err == nil && len(item.Raw) == 0 {
					t.Fatalf("%q: item %d is %+v", text, next, item)
				}
				next++
				return nil
			})
			if err != nil && !errors.Is(err, ErrBroken) {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}
