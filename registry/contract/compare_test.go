package contract

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// api is a document with one operation; the arguments are JSON.
func api(t testing.TB, requestSchema, responseSchema, components string) *Document {
	t.Helper()
	return parsed(t, fmt.Sprintf(`{"openapi":"3.1.0","info":{"title":"t","version":"1"},"components":{"schemas":%s},"paths":{"/predict":{"post":{
		"requestBody":{"required":true,"content":{"application/json":{"schema":%s}}},
		"responses":{"200":{"description":"","content":{"application/json":{"schema":%s}}},"422":{"description":"bad"}}}}}}`,
		orJSON(components, "{}"), orJSON(requestSchema, "{}"), orJSON(responseSchema, "{}")))
}

func orJSON(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func parsed(t testing.TB, text string) *Document {
	t.Helper()
	d, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return d
}

// lines are changes as "level kind where path", sorted.
func lines(changes []Change) []string {
	var out []string
	for _, c := range changes {
		out = append(out, strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s", c.Level, c.Kind, c.Where, c.Path)), " "))
	}
	slices.Sort(out)
	return out
}

func same(t *testing.T, got []Change, want ...string) {
	t.Helper()
	slices.Sort(want)
	if have := lines(got); !slices.Equal(have, want) {
		t.Errorf("got  %s\nwant %s\n%+v", strings.Join(have, "; "), strings.Join(want, "; "), got)
	}
}

const textIn = `{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}`

// TestDirections compares one schema, once as what callers send and once as what they get.
func TestDirections(t *testing.T) {
	obj := func(props string, required ...string) string {
		return fmt.Sprintf(`{"type":"object","properties":{%s},"required":[%s]}`, props, strings.Join(required, ","))
	}
	for name, c := range map[string]struct {
		old, next     string
		request, answ []string // expected; without "request" and "response 200"
	}{
		"the same":         {textIn, textIn, nil, nil},
		"new required":     {textIn, obj(`"text":{"type":"string"},"lang":{"type":"string"}`, `"text"`, `"lang"`), []string{"breaks new-required $.lang"}, []string{"harmless field-added $.lang"}},
		"new optional":     {textIn, obj(`"text":{"type":"string"},"lang":{"type":"string"}`, `"text"`), []string{"harmless field-added $.lang"}, []string{"harmless field-added $.lang"}},
		"removed":          {obj(`"a":{"type":"string"},"b":{"type":"string"}`, `"a"`), obj(`"a":{"type":"string"}`, `"a"`), []string{"breaks field-removed $.b"}, []string{"breaks field-removed $.b"}},
		"became required":  {obj(`"a":{"type":"string"}`), obj(`"a":{"type":"string"}`, `"a"`), []string{"breaks became-required $.a"}, []string{"harmless became-required $.a"}},
		"became optional":  {obj(`"a":{"type":"string"}`, `"a"`), obj(`"a":{"type":"string"}`), []string{"harmless became-optional $.a"}, []string{"breaks became-optional $.a"}},
		"another type":     {obj(`"a":{"type":"string"}`), obj(`"a":{"type":"integer"}`), []string{"breaks type $.a"}, []string{"breaks type $.a"}},
		"integer → number": {obj(`"a":{"type":"integer"}`), obj(`"a":{"type":"number"}`), []string{"harmless type $.a"}, []string{"breaks type $.a"}},
		"number → integer": {obj(`"a":{"type":"number"}`), obj(`"a":{"type":"integer"}`), []string{"breaks type $.a"}, []string{"harmless type $.a"}},
		"may be null":      {obj(`"a":{"type":"string"}`), obj(`"a":{"anyOf":[{"type":"string"},{"type":"null"}]}`), []string{"harmless type $.a"}, []string{"breaks type $.a"}},
		"null by 3.0":      {obj(`"a":{"type":"string","nullable":true}`), obj(`"a":{"type":"string"}`), []string{"breaks type $.a"}, []string{"harmless type $.a"}},
		"null in two ways": {obj(`"a":{"type":"string","nullable":true}`), obj(`"a":{"type":["null","string"]}`), nil, nil},
		"enum shrinks":     {obj(`"a":{"enum":["x","y"]}`), obj(`"a":{"enum":["x"]}`), []string{"breaks enum $.a"}, []string{"harmless enum $.a"}},
		"enum grows":       {obj(`"a":{"enum":["x"]}`), obj(`"a":{"enum":["x","y"]}`), []string{"harmless enum $.a"}, []string{"may-break enum $.a"}},
		"enum begins":      {obj(`"a":{"type":"string"}`), obj(`"a":{"type":"string","enum":["x"]}`), []string{"breaks enum $.a"}, []string{"harmless enum $.a"}},
		"enum by choices":  {obj(`"a":{"enum":["x","y"]}`), obj(`"a":{"oneOf":[{"const":"y"},{"const":"x"}]}`), nil, nil},
		"tighter":          {obj(`"a":{"type":"string","maxLength":9}`), obj(`"a":{"type":"string","maxLength":5}`), []string{"breaks bounds $.a"}, nil},
		"looser":           {obj(`"a":{"type":"integer","minimum":5}`), obj(`"a":{"type":"integer","minimum":3}`), nil, nil},
		"excluded":         {obj(`"a":{"type":"integer","minimum":5}`), obj(`"a":{"type":"integer","exclusiveMinimum":5}`), []string{"breaks bounds $.a"}, nil},
		"excluded by 3.0":  {obj(`"a":{"type":"integer","exclusiveMinimum":5}`), obj(`"a":{"type":"integer","minimum":5,"exclusiveMinimum":true}`), nil, nil},
		"no length":        {obj(`"a":{"type":"string"}`), obj(`"a":{"type":"string","minLength":0}`), nil, nil},
		"items":            {obj(`"a":{"type":"array","items":{"type":"string"}}`), obj(`"a":{"type":"array","items":{"type":"number"}}`), []string{"breaks type $.a[*]"}, []string{"breaks type $.a[*]"}},
		"closed":           {obj(`"a":{}`), `{"type":"object","properties":{"a":{}},"additionalProperties":false}`, []string{"may-break closed $"}, nil},
		"into a map":       {obj(`"a":{"type":"string"}`), `{"type":"object","additionalProperties":{"type":"string"}}`, nil, []string{"breaks field-removed $.a"}},
		"values of a map":  {`{"type":"object","additionalProperties":{"type":"string"}}`, `{"type":"object","additionalProperties":{"type":"number"}}`, []string{"breaks type $.*"}, []string{"breaks type $.*"}},
		"allOf":            {textIn, `{"allOf":[{"type":"object","properties":{"text":{"type":"string"}}},{"required":["text"]}]}`, nil, nil},
		"one more choice":  {textIn, `{"oneOf":[` + textIn + `,{"type":"array"}]}`, []string{"harmless type $"}, []string{"breaks type $"}},
		"described":        {`{}`, textIn, []string{"may-break type $"}, []string{"harmless type $"}},
		"not described":    {textIn, `{}`, []string{"harmless type $"}, []string{"may-break type $"}},
		"true is no word":  {`{}`, `true`, nil, nil},
		"nothing any more": {textIn, `false`, []string{"breaks type $"}, []string{"harmless type $"}},
		"odd names":        {obj(`"a b":{"type":"string"}`), obj(`"a b":{"type":"null"}`), []string{"breaks type $['a b']"}, []string{"breaks type $['a b']"}},
		"pattern":          {obj(`"a":{"type":"string"}`), obj(`"a":{"type":"string","pattern":"^x"}`), []string{"breaks bounds $.a"}, nil},
		"upload in 3.1":    {obj(`"a":{"type":"string","format":"binary"}`), obj(`"a":{"type":"string","contentMediaType":"application/octet-stream"}`), nil, nil},
		"read only":        {textIn, obj(`"text":{"type":"string"},"id":{"type":"string","readOnly":true}`, `"text"`, `"id"`), nil, []string{"harmless field-added $.id"}},
		"format":           {obj(`"a":{"type":"string","format":"date"}`), obj(`"a":{"type":"string","format":"uuid"}`), []string{"may-break format $.a"}, []string{"may-break format $.a"}},
	} {
		t.Run(name, func(t *testing.T) {
			same(t, Compare(api(t, c.old, "", ""), api(t, c.next, "", "")).Changes, prefixed("request", c.request)...)
			same(t, Compare(api(t, "", c.old, ""), api(t, "", c.next, "")).Changes, prefixed("response 200", c.answ)...)
		})
	}
}

func prefixed(where string, in []string) []string {
	var out []string
	for _, s := range in {
		f := strings.SplitN(s, " ", 3)
		out = append(out, f[0]+" "+f[1]+" "+where+" "+f[2])
	}
	return out
}

func TestReferences(t *testing.T) {
	ref := `{"$ref":"#/components/schemas/Node"}`
	tree := func(value string) string {
		return `{"Node":{"type":"object","properties":{"value":` + value + `,"next":{"$ref":"#/components/schemas/Node"},"all":{"type":"array","items":{"$ref":"#/components/schemas/Node"}}}}}`
	}
	str, num := `{"type":"string"}`, `{"type":"number"}`
	same(t, Compare(api(t, ref, ref, tree(str)), api(t, ref, ref, tree(str))).Changes)
	// The change is told once, where it is met first; the circle ends there.
	same(t, Compare(api(t, ref, "", tree(str)), api(t, ref, "", tree(num))).Changes, "breaks type request $.value")

	// The same tree through two circles of other lengths.
	two := `{"Node":{"type":"object","properties":{"value":{"type":"string"},"all":{"type":"array","items":{"$ref":"#/components/schemas/Node"}},"next":{"$ref":"#/components/schemas/Other"}}},
		"Other":{"type":"object","properties":{"value":{"type":"string"},"all":{"type":"array","items":{"$ref":"#/components/schemas/Node"}},"next":{"$ref":"#/components/schemas/Node"}}}}`
	same(t, Compare(api(t, ref, "", tree(str)), api(t, ref, "", two)).Changes)
	for name, loop := range map[string]string{
		"itself":    `{"Node":{"$ref":"#/components/schemas/Node"}}`,
		"a circle":  `{"Node":{"$ref":"#/components/schemas/B"},"B":{"$ref":"#/components/schemas/Node"}}`,
		"by allOf":  `{"Node":{"allOf":[{"$ref":"#/components/schemas/Node"},{"type":"object"}]}}`,
		"by choice": `{"Node":{"anyOf":[{"$ref":"#/components/schemas/Node"},{"$ref":"#/components/schemas/Node"}]}}`,
		"elsewhere": `{"Node":{"$ref":"https://example.com/x.json"}}`,
		"nowhere":   `{}`,
	} {
		t.Run(name, func(t *testing.T) { Compare(api(t, ref, ref, loop), api(t, textIn, textIn, loop)) })
	}
	// Names in pointers may be escaped as in JSON or as in a URL.
	odd := `{"A/B[C]":` + textIn + `}`
	same(t, Compare(api(t, `{"$ref":"#/components/schemas/A~1B%5BC%5D"}`, "", odd), api(t, textIn, "", odd)).Changes)
}

func TestOperations(t *testing.T) {
	doc := func(paths string) *Document { return parsed(t, `{"openapi":"3.0.3","paths":{`+paths+`}}`) }
	ok := `"responses":{"200":{"description":""}}`
	param := func(in, name, schema string, required bool) string {
		return fmt.Sprintf(`{"in":%q,"name":%q,"required":%v,"schema":%s}`, in, name, required, schema)
	}
	get := func(path, params string) *Document {
		return doc(fmt.Sprintf(`%q:{"get":{"parameters":[%s],%s}}`, path, params, ok))
	}
	str, num := `{"type":"string"}`, `{"type":"number"}`
	for name, c := range map[string]struct {
		old, next *Document
		want      []string
	}{
		"removed":               {doc(`"/a":{"get":{` + ok + `},"post":{` + ok + `}}`), doc(`"/a":{"get":{` + ok + `}}`), []string{"breaks operation-removed"}},
		"added":                 {doc(`"/a":{"get":{` + ok + `}}`), doc(`"/a":{"get":{` + ok + `},"put":{` + ok + `}}`), []string{"harmless operation-added"}},
		"another name in paths": {get("/i/{id}/x", param("path", "id", str, true)), get("/i/{item_id}/x", param("path", "item_id", str, true)), nil},
		"type in a path":        {get("/i/{id}", param("path", "id", str, true)), get("/i/{n}", param("path", "n", num, true)), []string{"breaks type path id"}},
		"parameter removed":     {get("/a", param("query", "q", str, false)), get("/a", ""), []string{"breaks parameter-removed query q"}},
		"parameter added":       {get("/a", ""), get("/a", param("query", "q", str, false)), []string{"harmless parameter-added query q"}},
		"parameter required":    {get("/a", ""), get("/a", param("header", "X-T", str, true)), []string{"breaks new-required header X-T"}},
		"needed now":            {get("/a", param("header", "x-t", str, false)), get("/a", param("header", "X-T", str, true)), []string{"breaks became-required header x-t"}},
		"ignored header":        {get("/a", ""), get("/a", param("header", "Authorization", str, true)), nil},
		"of the path's item": {doc(`"/a":{"parameters":[` + param("query", "q", str, false) + `],"get":{` + ok + `}}`),
			get("/a", param("query", "q", num, false)), []string{"breaks type query q"}},
		"status removed":    {doc(`"/a":{"get":{"responses":{"200":{}}}}`), doc(`"/a":{"get":{"responses":{"201":{}}}}`), []string{"breaks status-removed response 200", "harmless status-added response 201"}},
		"status in a range": {doc(`"/a":{"get":{"responses":{"200":{}}}}`), doc(`"/a":{"get":{"responses":{"2XX":{}}}}`), []string{"harmless status-added response 2XX"}},
		"other failures":    {doc(`"/a":{"get":{"responses":{"200":{},"404":{}}}}`), doc(`"/a":{"get":{"responses":{"200":{},"500":{}}}}`), nil},
		"media types": {doc(`"/a":{"get":{"responses":{"200":{"content":{"text/plain":{},"application/json":{}}}}}}`),
			doc(`"/a":{"get":{"responses":{"200":{"content":{"application/json; charset=utf-8":{}, "text/csv":{}}}}}}`), []string{"breaks media-removed response 200", "harmless media-added response 200"}},
		"body required": {doc(`"/a":{"post":{` + ok + `}}`), doc(`"/a":{"post":{"requestBody":{"required":true,"content":{"a/b":{}}},` + ok + `}}`), []string{"breaks new-required request"}},
		"body removed":  {doc(`"/a":{"post":{"requestBody":{"content":{"a/b":{}}},` + ok + `}}`), doc(`"/a":{"post":{` + ok + `}}`), []string{"breaks body-removed request"}},
		"credentials":   {doc(`"/a":{"get":{` + ok + `}}`), parsed(t, `{"openapi":"3.0.0","security":[{"key":[]}],"paths":{"/a":{"get":{`+ok+`}}}}`), []string{"breaks auth-required"}},
		"not for this":  {doc(`"/a":{"get":{` + ok + `}}`), parsed(t, `{"openapi":"3.0.0","security":[{"key":[]}],"paths":{"/a":{"get":{"security":[],`+ok+`}}}}`), nil},
		"body by reference": {
			parsed(t, `{"openapi":"3.0.0","components":{"requestBodies":{"B":{"content":{"application/json":{"schema":`+textIn+`}}}}},"paths":{"/a":{"post":{"requestBody":{"$ref":"#/components/requestBodies/B"},`+ok+`}}}}`),
			parsed(t, `{"openapi":"3.0.0","paths":{"/a":{"post":{"requestBody":{"content":{"application/json":{"schema":{"type":"object","properties":{"text":{"type":"string"},"n":{}},"required":["n","text"]}}}},`+ok+`}}}}`),
			[]string{"breaks new-required request $.n"}},
	} {
		t.Run(name, func(t *testing.T) { same(t, Compare(c.old, c.next).Changes, c.want...) })
	}
}

// TestText is what people read.
func TestText(t *testing.T) {
	r := Compare(api(t, textIn, "", ""), api(t, `{"type":"object","properties":{"text":{"type":"string"},"lang":{"type":"string"}},"required":["lang","text"]}`, "", ""))
	if len(r.Changes) != 1 || r.Changes[0].Text != "POST /predict, request, $.lang: is required now, and was not known" || r.Worst() != Breaks || r.Count(Breaks) != 1 {
		t.Errorf("%+v", r)
	}
}

// TestBounds: documents that would take for ever are compared as far as the bounds reach, and the report says so.
func TestBounds(t *testing.T) {
	var schemas []string
	for i := range 60 { // 2^60 forms
		schemas = append(schemas, fmt.Sprintf(`"S%d":{"anyOf":[{"$ref":"#/components/schemas/S%d"},{"allOf":[{"$ref":"#/components/schemas/S%d"},{"minLength":%d}]}]}`, i, i+1, i+1, i))
	}
	components := "{" + strings.Join(schemas, ",") + `,"S60":{"type":"string"}}`
	ref := `{"$ref":"#/components/schemas/S0"}`
	if r := Compare(api(t, ref, ref, components), api(t, ref, textIn, components)); !r.Cut {
		t.Errorf("not cut: %d changes", len(r.Changes))
	}
	var props []string
	for i := range 1000 {
		props = append(props, fmt.Sprintf(`"p%d":{"type":"string"}`, i))
	}
	r := Compare(api(t, `{"type":"object","properties":{`+strings.Join(props, ",")+`}}`, "", ""), api(t, `{"type":"object"}`, "", ""))
	if len(r.Changes) != maxChanges || !r.Cut {
		t.Errorf("%d changes, cut %v", len(r.Changes), r.Cut)
	}
}

func TestParse(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"no JSON":     {"<html>", "no OpenAPI document"},
		"a list":      {"[]", "no OpenAPI document"},
		"swagger 2":   {`{"swagger":"2.0"}`, "no OpenAPI document"},
		"too deep":    {strings.Repeat("[", 100_000), "nested deeper"},
		"too large":   {`{"openapi":"3.0.0","x":"` + strings.Repeat("x", MaxBytes) + `"}`, "too large"},
		"good":        {`{"openapi":"3.1.0","info":{"title":"T","version":"7"},"paths":{"/b":{"get":{"summary":"S"}},"/a":{"post":{}},"/c":null}}`, ""},
		"in brackets": {`{"openapi":"3.1.0","x":"[[[[{{{\"[["}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Parse([]byte(c.text))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Fatalf("%v, want %q", err, c.want)
			}
			if name == "good" && (d.Title != "T" || d.API != "7" || fmt.Sprint(d.Operations()) != "[{GET /b S} {POST /a }]") {
				t.Errorf("%q %q %v", d.Title, d.API, d.Operations())
			}
		})
	}
}

func TestInfo(t *testing.T) {
	for name, c := range map[string]struct {
		old, next string
		want      []string
	}{
		"the same":     {`{"name":"a","v":1}`, `{ "v": 1, "name": "a" }`, nil},
		"a new value":  {`{"version":"1"}`, `{"version":"2"}`, []string{"harmless info $.version"}},
		"a new key":    {`{}`, `{"version":"2"}`, []string{"harmless info $.version"}},
		"a key gone":   {`{"version":"1"}`, `{}`, []string{"may-break info $.version"}},
		"another type": {`{"version":"1"}`, `{"version":1}`, []string{"may-break info $.version"}},
		"numbers":      {`{"version":1.5}`, `{"version":1}`, []string{"harmless info $.version"}},
		"shallow":      {`{"model":{"a":1}}`, `{"model":{"b":1}}`, []string{"harmless info $.model"}},
		"no JSON":      {`{"a":1}`, `hello`, nil},
		"no object":    {`[1]`, `{"a":1}`, nil},
	} {
		t.Run(name, func(t *testing.T) { same(t, CompareInfo([]byte(c.old), []byte(c.next)), c.want...) })
	}
}
