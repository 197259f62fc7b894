package match

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func bodies(request, response string) Body {
	return func(s Side) Docs {
		if s == Request {
			return Docs{Plain: []byte(request)}
		}
		return Docs{Plain: []byte(response)}
	}
}

func TestMatch(t *testing.T) {
	request := `{"model":"base","items":[{"n":"cat","q":1},{"n":"dog","q":20}],"odd name":1,"esc\u0061pe":"\"x\"","empty":[]}`
	response := ` {"result" : {"label":"spam","score":0.55,"big":9007199254740993,"ok":true,"none":null,"tags":["a",2,null]}, "n": -1.5e2}`
	for text, want := range map[string]bool{
		`$.result.label == "spam"`:                            true,
		`$.result.label == 'spam'`:                            true,
		`response.$.result.label == "spam"`:                   true,
		`request.$.result.label == "spam"`:                    false,
		`$.result.label == "ham"`:                             false,
		`$.result.label != "ham"`:                             true,
		`$.result.label != "spam"`:                            false,
		`$.absent != "spam"`:                                  false,
		`not ($.absent == "spam")`:                            true,
		`$.result.label == "spam" and $.result.score < 0.6`:   true,
		`$.result.label == "spam" && $.result.score<0.5`:      false,
		`$.result.score >= 0.55 and $.result.score <= 0.55`:   true,
		`$.result.score > 0.55`:                               false,
		`$.result.score < "0.6"`:                              false,
		`$.result.big == 9007199254740993`:                    true,
		`$.result.big == 9007199254740992`:                    false,
		`$.n == -150`:                                         true,
		`$.n < 0`:                                             true,
		`$.result.label < "t"`:                                true,
		`$.result.ok == true`:                                 true,
		`$.result.ok == false or $.result.none == null`:       true,
		`$.result.none exists`:                                true,
		`$.result.absent exists`:                              false,
		`!$.result.absent exists`:                             true,
		`$.result.label contains "pa"`:                        true,
		`$.result.tags contains 2`:                            true,
		`$.result.tags contains "2"`:                          false,
		`$.result.tags contains null`:                         true,
		`$.result contains "label"`:                           false,
		`$.result.label matches "^s.am$"`:                     true,
		`$.result.label matches "^am"`:                        false,
		`$.result.label in ["ham", 'spam', 3]`:                true,
		`$.result.score in [1, 0.550]`:                        true,
		`$.result.label in ["ham"]`:                           false,
		`request.$.items[*].n == "dog"`:                       true,
		`request.$.items[0].n == "dog"`:                       false,
		`request.$.items[1].n == "dog"`:                       true,
		`request.$.items[2] exists`:                           false,
		`request.$.items[*].q > 10`:                           true,
		`request.$.items[*].q != 1`:                           true,
		`not (request.$.items[*].q == 20)`:                    false,
		`request.$.empty[*] exists`:                           false,
		`request.$['odd name'] == 1`:                          true,
		`request.$["odd name"] == 1`:                          true,
		`request.$.escape == "\"x\""`:                         true,
		`request.$.* == "base"`:                               true,
		`$ exists`:                                            true,
		`$.result.label == "x" or ($.n < 0 and not $.q == 1)`: true,
		`($.n<0)and($.n>-200)`:                                true,
		`$.result.label == "x" or $.n < 0 and $.n > 0`:        false,
	} {
		e, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if e.Match(bodies(request, response)) != want || e.String() != text {
			t.Errorf("%s: want %v", text, want)
		}
	}
}

func TestBodiesOfAllKinds(t *testing.T) {
	e, err := Parse(`$.label == "spam"`)
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]bool{
		"":                                    false,
		"no json":                             false,
		`[{"label":"spam"}]`:                  false,
		`{"label":"ham"}{"label":"spam"}`:     true,
		"{\"a\":1}\n{\"label\":\"spam\"}":     true,
		`{"label":"spam","text":"cut he`:      true,
		`{"text":"cut he`:                     false,
		`{"label":"spam`:                      false,
		`{"other":{"label":"spam"}}`:          false,
		`{"label":"ham","label":"spam"}`:      true,
		`{"x":[1,{"a":"]}"}],"label":"spam"}`: true,
		`{"a" "label":"spam"}`:                false,
		`{"a":}`:                              false,
		strings.Repeat("[", 100_000):          false,
		strings.Repeat(`{"label":`, 5_000):    false,
	} {
		if e.Match(bodies("", body)) != want {
			t.Errorf("%.60s: want %v", body, want)
		}
	}
	stream := Docs{Plain: []byte("event: x\ndata: {\"label\":\"ham\"}\n\ndata: {\"label\":\"spam\"}\n\ndata: [DONE]\n\n"), Events: true}
	if !e.Match(func(Side) Docs { return stream }) {
		t.Error("not found in an event stream")
	}
}

func TestErrorsSayWhereAndWhat(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "column 1: expected a path",
		`$.a = 1`:                   "column 5: write ==",
		`$.a`:                       "column 4: expected one of == !=",
		`$.a like "x"`:              `column 5: expected one of == != < <= > >= contains matches in exists after the path, not "like"`,
		`$.a == `:                   "a value is missing",
		`$.a == spam`:               `column 8: "spam" is no value: write a string in quotes`,
		`$.a == "x`:                 "column 8: the string is not closed",
		`$.a == 'x`:                 "column 8: the string is not closed",
		`$.a == "\q"`:               "an escape that JSON does not know",
		`$.a == $.b`:                "column 8: a path cannot stand on the right",
		`$.a matches "("`:           "column 12: not a regular expression",
		`$.a matches 1`:             "wants a regular expression in quotes",
		`$.a < true`:                "< compares numbers or strings",
		`$.a in "x"`:                "`in` wants a list",
		`$.a in ["x" "y"]`:          `expected , or ] in the list, not "\"y\"]"`,
		`$.a in []`:                 "is no value",
		`($.a == 1`:                 "column 10: expected ), not the end",
		`$.a == 1 $.b == 2`:         "column 10: expected `and`, `or` or the end here",
		`$..a == 1`:                 "column 2: `..` is not supported",
		`$.a[x] == 1`:               "[x]: expected a number",
		`$.a[0 == 1`:                "] is missing",
		`$.['a] == 1`:               "a name is missing",
		`$.中 == 1 或 $.b == 2`:       "column 10: expected `and`",
		`label == 1`:                `expected a path such as $.result.label`,
		strings.Repeat("(", 100):    "nested deeper than 64 levels",
		strings.Repeat("not ", 100): "nested deeper than 64 levels",
		strings.Repeat("x", 5000):   "longer than 4096 bytes",
		"$.a == \"\xff\"":           "not UTF-8",
	} {
		_, err := Parse(text)
		var fault *Error
		if !errors.As(err, &fault) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, want %s", text, err, want)
		}
	}
}

func TestConditions(t *testing.T) {
	for text, want := range map[string]string{
		`$.a == 1`:                            `response.$["a"] whole`,
		`$.a == 1 and (request.$.b[0].c < 2)`: `response.$["a"] request.$["b"][0]["c"] whole`,
		`$.a == 1 and ($.b == 1 or $.c == 1)`: `response.$["a"]`,
		`$.a == 1 or $.b == 1`:                ``,
		`not $.a == 1 and $['b'][*] exists`:   `response.$["b"][*]`,
	} {
		e, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range e.Conditions() {
			got = append(got, c.Path.String())
		}
		if e.Whole() {
			got = append(got, "whole")
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s", text, s)
		}
	}
	for _, text := range []string{"", "a", "$x", "$.a b", "$.a[", "x.$.a"} {
		if p, err := ParsePath(text); err == nil {
			t.Errorf("%q was taken as %s", text, p)
		}
	}
}

// FuzzParse: whatever is given, there is an expression or an error with a column inside the text, and evaluation ends.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`$.a == "x" and not (request.$['b'][*].c in [1, null])`, `$.a matches "x+"`, `$.a.. == `, "((", `$.é exists`, `$.a == 1e999`} {
		f.Add(s, `{"a":"x","b":[{"c":1}]}`)
	}
	f.Fuzz(func(t *testing.T, text, body string) {
		e, err := Parse(text)
		var fault *Error
		switch {
		case err == nil:
			e.Match(bodies(body, body))
			again, err := Parse(e.String())
			if err != nil || again.Match(bodies(body, body)) != e.Match(bodies(body, body)) {
				t.Fatalf("%q means something else the second time: %v", text, err)
			}
		case !errors.As(err, &fault) || fault.Column < 1 || fault.Column > len([]rune(text))+1 || fault.Message == "":
			t.Fatalf("%q: %v", text, err)
		}
	})
}

// FuzzDocs: of valid JSON the same value is found at the top as encoding/json finds.
func FuzzDocs(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `{"a":"\u00e9\\"}`, `{"b":[{"a":1}],"a":[1,2,{"x":"}"}]}`, `{"a":tru}`, `{"a":"`, `[1]`, `{"a":1,"a":2}`} {
		f.Add(s)
	}
	path, err := ParsePath("$.a")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var last *Value
		Docs{Plain: []byte(body)}.Each(path, func(v Value) bool {
			last = &v
			return true
		})
		var want map[string]json.RawMessage
		if json.Unmarshal([]byte(body), &want) != nil {
			return
		}
		raw, there := want["a"]
		if !there {
			if last != nil {
				t.Fatalf("%q: found %v, which is not there", body, *last)
			}
			return
		}
		v, ok := scalar(raw)
		if ok != (last != nil) || ok && (v.Kind != last.Kind || v.Text != last.Text) {
			t.Fatalf("%q: found %v, want %v", body, last, v)
		}
	})
}
