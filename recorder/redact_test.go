package recorder

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"aictl/configs"
	"aictl/store/records"
)

func TestMaskBody(t *testing.T) {
	deep := strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1)
	tests := []struct {
		name, redact, kind, body, want string // want "" = taken away
	}{
		{"member", "$.user.phone", "", `{"user": {"phone": "139", "n": 1.50}}`, `{"user": {"phone": "[redacted]", "n": 1.50}}`},
		{"untouched bytes", "$.x", "", ` {"b":1e3,"a":[ 1 ]} `, ` {"b":1e3,"a":[ 1 ]} `},
		{"number, bool, null", "$.*", "", `{"a":1,"b":true,"c":null}`, `{"a":"[redacted]","b":"[redacted]","c":"[redacted]"}`},
		{"container", "$.user", "", `{"user":{"phone":"139","x":[1,{}]},"z":1}`, `{"user":"[redacted]","z":1}`},
		{"container and member of it", "$..a", "", `{"a":{"a":1,"b":2},"c":[{"a":3}]}`, `{"a":"[redacted]","c":[{"a":"[redacted]"}]}`},
		{"both of two members of one name", "$.p", "", `{"p":"x","p":"y"}`, `{"p":"[redacted]","p":"[redacted]"}`},
		{"escaped name", "$.phone", "", `{"\u0070hone":"139"}`, `{"\u0070hone":"[redacted]"}`},
		{"element", "$.a[1]", "", `{"a":[1,2,3]}`, `{"a":[1,"[redacted]",3]}`},
		{"any element", "$.a[*].s", "", `{"a":[{"s":1},{"s":2}]}`, `{"a":[{"s":"[redacted]"},{"s":"[redacted]"}]}`},
		{"quoted name", "$['a.b']", "", `{"a.b":"x"}`, `{"a.b":"[redacted]"}`},
		{"lines", "$.s", "", "{\"s\":1}\n{\"s\":2}\n", "{\"s\":\"[redacted]\"}\n{\"s\":\"[redacted]\"}\n"},
		{"an index is not a name", "$.a[0]", "", `{"a":{"0":"x"}}`, `{"a":{"0":"x"}}`},
		{"not JSON", "$.s", "text/plain", `phone: 139`, ""},
		{"form", "$.s", "application/x-www-form-urlencoded", `s=139`, ""},
		{"event stream", "$.s", "text/event-stream", "data: {\"s\":1}\n\n", ""},
		{"cut short", "$.s", "", `{"a":{"s":"139"`, ""},
		{"trailing garbage", "$.s", "", `{"s":"139"} x`, ""},
		{"too deep", "$.s", "", deep, ""},
		{"picture", "$.s", "image/png", "\x89PNG\r\n", "\x89PNG\r\n"},
		{"JSON called a picture", "$.s", "image/png", `{"s":"139"}`, `{"s":"[redacted]"}`},
		{"picture that is text", "$.s", "image/svg+xml", `<svg/>`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := newPolicy(configs.Record{Redact: []string{tt.redact}})
			if err != nil {
				t.Fatal(err)
			}
			x := &records.Exchange{Response: records.Message{Header: http.Header{"Content-Type": {tt.kind}},
				Body: []byte(tt.body), Size: int64(len(tt.body)), SHA256: [32]byte{1}}}
			err = p.apply(x)
			if got := string(x.Response.Body); got != tt.want {
				t.Errorf("body %q, want %q", got, tt.want)
			}
			if taken := tt.want == ""; taken != x.Response.Omitted || taken != (err != nil) {
				t.Errorf("omitted %v, error %v", x.Response.Omitted, err)
			}
			if changed := tt.want != tt.body; changed != (x.Response.SHA256 == [32]byte{}) {
				t.Errorf("digest %x after changed=%v", x.Response.SHA256, changed)
			}
		})
	}
}

func TestMaskedBodiesFailClosed(t *testing.T) {
	p, err := newPolicy(configs.Record{Redact: []string{"$.s"}})
	if err != nil {
		t.Fatal(err)
	}
	packed, err := gzipped([]byte(`{"s":"secret-139","t":1}`))
	if err != nil {
		t.Fatal(err)
	}
	t.Run("gzip is looked into and stays gzip", func(t *testing.T) {
		x := message("gzip", packed)
		if err := p.apply(x); err != nil {
			t.Fatal(err)
		}
		plain, err := gunzip(x.Request.Body)
		if err != nil || string(plain) != `{"s":"[redacted]","t":1}` {
			t.Errorf("%q, %v", plain, err)
		}
	})
	cut := message("", []byte(`{"s":1}`))
	cut.Request.Truncated = true
	for name, x := range map[string]*records.Exchange{
		"broken gzip":      message("gzip", packed[:len(packed)-9]),
		"unknown encoding": message("br", []byte(`{"s":1}`)),
		"cut at max_body":  cut,
	} {
		t.Run(name, func(t *testing.T) {
			if err := p.apply(x); err == nil || x.Request.Body != nil || !x.Request.Omitted {
				t.Errorf("kept %q, error %v", x.Request.Body, err)
			}
		})
	}
}

func message(encoding string, body []byte) *records.Exchange {
	h := http.Header{}
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	return &records.Exchange{Request: records.Message{Header: h, Body: body, Size: int64(len(body)), SHA256: [32]byte{1}}}
}

func TestMaskHeadersAndQuery(t *testing.T) {
	p, err := newPolicy(configs.Record{Redact: []string{"header:x-tenant", "X-Other", "query:api_key"}})
	if err != nil {
		t.Fatal(err)
	}
	x := &records.Exchange{Query: "a=1&api%5Fkey=s3cret&b=%2F&api_key"}
	x.Request.Header = http.Header{"Authorization": {"s3cret"}, "Proxy-Authorization": {"s3cret"}, "Cookie": {"s3cret", "s3cret"},
		"X-Api-Key": {"s3cret"}, "X-Tenant": {"s3cret"}, "X-Other": {"s3cret"}, "Accept": {"*/*"}}
	x.Response.Header = http.Header{"Set-Cookie": {"s3cret"}}
	if err := p.apply(x); err != nil {
		t.Fatal(err)
	}
	all, err := json.Marshal(x)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(all, []byte("s3cret")) {
		t.Errorf("a secret is left: %s", all)
	}
	if x.Request.Header.Get("Accept") != "*/*" || len(x.Request.Header["Cookie"]) != 2 {
		t.Errorf("headers: %v", x.Request.Header)
	}
	if want := "a=1&api%5Fkey=%5Bredacted%5D&b=%2F&api_key=%5Bredacted%5D"; x.Query != want {
		t.Errorf("query %s, want %s", x.Query, want)
	}
}

func TestSession(t *testing.T) {
	header := http.Header{"X-Session-Id": {"s1"}, "Cookie": {"a=b; sid=s2"}, "Authorization": {"Bearer t"}}
	body := []byte(`{"meta":{"session":"s3"},"n":7}`)
	tests := []struct {
		from   string
		redact []string
		want   string
	}{
		{"", nil, ""},
		{"header:x-session-id", nil, "s1"},
		{"cookie:sid", nil, "s2"},
		{"cookie:other", nil, ""},
		{"json:$.meta.session", nil, "s3"},
		{"json:$.n", nil, "7"},
		{"json:$.meta.other", nil, ""},
		{"header:Authorization", nil, (&policy{}).digest("Bearer t")},
		{"json:$.meta.session", []string{"$.meta.session"}, (&policy{}).digest("s3")},
	}
	for _, tt := range tests {
		p, err := newPolicy(configs.Record{Session: tt.from, Redact: tt.redact})
		if err != nil {
			t.Fatal(err)
		}
		x := &records.Exchange{Request: records.Message{Header: header.Clone(), Body: body, Size: int64(len(body))}}
		if err := p.apply(x); err != nil {
			t.Fatal(err)
		}
		if x.Session != tt.want {
			t.Errorf("%s: session %q, want %q", tt.from, x.Session, tt.want)
		}
	}
}

// Settings that are not understood are an error, and until they are mended nothing is kept that they might have hidden.
func TestBadPolicyFailsClosed(t *testing.T) {
	for _, entry := range []string{"$", "$.", "$.a[", "$.a[x]", "$.a[-1]", "$x", "$.a[?(@.b)]", "$['a", "a b", "", "header:", "query:"} {
		store := &memory{}
		r := start(t, store, Options{})
		if err := r.Configure("a", configs.Record{Redact: []string{entry}}); err == nil || !strings.Contains(err.Error(), "of a:") {
			t.Errorf("%q: error %v", entry, err)
		}
		tk := admit(r, "a")
		if tk.Hold(1) {
			t.Errorf("%q: bodies are kept", entry)
		}
		tk.End(&records.Exchange{Query: "k=v"})
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if q := store.all()[0].Query; strings.Contains(q, "v") {
			t.Errorf("%q: query %q", entry, q)
		}
	}
}

// Whatever JSON comes in: what is kept is JSON, and the masked member's value is nowhere in it.
func FuzzMaskJSON(f *testing.F) {
	for _, s := range []string{`{"s":"x"}`, `[{"s":{"s":1}}]`, `{"s":1}{"s":2}`, `{"a":[1,{"s":null}],"s":[]}`, `"s"`,
		`{"\u0073":1}`, ` `, `{"s":1,}`, `{"s":"\ud800"}`} {
		f.Add([]byte(s))
	}
	path, err := parsePath("$..s")
	if err != nil {
		f.Fatal(err)
	}
	p := &policy{paths: []jsonPath{path}}
	f.Fuzz(func(t *testing.T, body []byte) {
		masked, err := p.maskJSON(body)
		if err != nil {
			return
		}
		if masked == nil {
			masked = body
		}
		err = walk(masked, func(start, end int, at []step, _ bool) {
			if left := masked[start:end]; path.matches(at) && string(left) != `"`+Masked+`"` {
				t.Errorf("%q: %q is left", body, left)
			}
		})
		if err != nil {
			t.Errorf("%q became %q: %v", body, masked, err)
		}
	})
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"$.a.b", "$..a[0]", "$['x'][*].*", "$", "$[", "$.a..", "$.é"} {
		f.Add(s)
	}
	name := []byte("a")
	f.Fuzz(func(t *testing.T, s string) {
		p, err := parsePath(s)
		if err == nil && len(p) == 0 {
			t.Error("an empty path would match the whole body")
		}
		p.matches([]step{{key: name}, {index: 1}, {key: name}})
	})
}
