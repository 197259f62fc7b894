package recorder

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"

	"aictl/configs"
	"aictl/store/records"
)

func pair(request, response string) *records.Exchange {
	return &records.Exchange{
		Request:  records.Message{Header: http.Header{"X-User": {"ann"}, "Cookie": {"sid=c1"}, "X-Api-Key": {"k"}}, Body: []byte(request), Size: int64(len(request))},
		Response: records.Message{Header: http.Header{"X-Model": {"base-2"}}, Body: []byte(response), Size: int64(len(response))},
	}
}

func TestModelAndUserAreFound(t *testing.T) {
	for name, tc := range map[string]struct {
		rec         configs.Record
		model, user string
	}{
		"headers":         {configs.Record{Model: "response.header:X-Model", User: "header:x-user"}, "base-2", "ann"},
		"bodies":          {configs.Record{Model: "response.json:$.model", User: "json:$.who.id"}, "small", "7"},
		"request's model": {configs.Record{Model: "json:$.model"}, "asked", ""},
		"cookie":          {configs.Record{User: "cookie:sid"}, "", "c1"},
		"masked header":   {configs.Record{User: "header:X-Api-Key"}, "", (&policy{}).digest("k")},
		"masked path":     {configs.Record{User: "json:$.who.id", Redact: []string{"$.who.id"}}, "", (&policy{}).digest("7")},
		"masked around":   {configs.Record{User: "json:$.who.id", Redact: []string{"$.who"}}, "", (&policy{}).digest("7")},
		"masked deeply":   {configs.Record{User: "json:$.who.id", Redact: []string{"$..id"}}, "", (&policy{}).digest("7")},
		"masked beside":   {configs.Record{User: "json:$.who.id", Redact: []string{"$.model"}}, "", "7"},
		"not there":       {configs.Record{Model: "json:$.x", User: "header:X-None"}, "", ""},
	} {
		p, err := newPolicy(tc.rec)
		if err != nil {
			t.Fatal(err)
		}
		x := pair(`{"model":"asked","who":{"id":7}}`, `{"model":"small"}`)
		if err := p.apply(x); err != nil || x.Model != tc.model || x.User != tc.user {
			t.Errorf("%s: model %q, user %q, %v", name, x.Model, x.User, err)
		}
		x = pair(`{}`, `{}`)
		x.Model, x.User = "given", "given"
		if err := p.apply(x); err != nil || x.Model != "given" || x.User != "given" {
			t.Errorf("%s: what was given became %q, %q, %v", name, x.Model, x.User, err)
		}
	}
	p, err := newPolicy(configs.Record{User: "header:X-User"})
	if err != nil {
		t.Fatal(err)
	}
	x := pair("", "")
	x.Request.Header.Set("X-User", strings.Repeat("u", 5000))
	if err := p.apply(x); err != nil || len(x.User) != maxSaid {
		t.Errorf("a long user has %d bytes, %v", len(x.User), err)
	}
}

// TestIndexHoldsWhatIsStored: values are indexed after masking, of compressed bodies, too, and what is masked is not.
func TestIndexHoldsWhatIsStored(t *testing.T) {
	p, err := newPolicy(configs.Record{Index: []string{"$.label", "$.secret", "request.$.items[*].n", "$.absent", "$.card.number"}, Redact: []string{"$.secret", "$.card"}})
	if err != nil {
		t.Fatal(err)
	}
	x := pair(`{"items":[{"n":1},{"n":2}]}`, "")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(`{"label":"spam","secret":"s3cr3t","card":{"number":4242}}`)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	x.Response.Body = packed.Bytes()
	x.Response.Header.Set("Content-Encoding", "gzip")
	if err := p.apply(x); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, i := range x.Indexed {
		for _, v := range i.Values {
			got[i.Path] += v.Text + ";"
		}
		if len(i.Values) == 0 {
			got[i.Path] = "nothing"
		}
	}
	want := map[string]string{`response.$["label"]`: "spam;", `request.$["items"][*]["n"]`: "1;2;", `response.$["absent"]`: "nothing", `response.$["card"]["number"]`: "nothing"}
	if len(got) != len(want) {
		t.Errorf("indexed %v", got)
	}
	for path, v := range want {
		if got[path] != v {
			t.Errorf("%s has %q, want %q", path, got[path], v)
		}
	}
	if p, err = newPolicy(configs.Record{Index: []string{"label", "$.ok"}, Model: "query:x"}); err == nil || p.noBodies || len(p.index) != 1 {
		t.Errorf("faults: %v, without bodies %v, %d paths", err, p.noBodies, len(p.index))
	}
}
