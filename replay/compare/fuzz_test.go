package compare

import "testing"

// FuzzJudge: any three bodies are compared; a body is equal to itself; and a difference that is noise is no change.
func FuzzJudge(f *testing.F) {
	for _, s := range [][3]string{
		{`{"a":[1,2,{"b":null}]}`, `{"a":[2,1,{"b":"x"}]}`, `{"a":[1,2,{"b":null}]}`},
		{`[1e999, -0, 1e-400]`, `[1, 0.0, 0]`, `[]`},
		{"{\"a\":1}\n{\"a\":2}", "data: x", ""},
		{`{"x":{"1":1,"2":2}}`, `{"x":{"3":1,"4":2}}`, `{"x":{"5":1,"6":2}}`},
		{"\xff", `"\ud800"`, `[[[[[]]]]]`},
	} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, a, b, c string) {
		if len(a)+len(b)+len(c) > 20000 {
			return
		}
		var list []Sample
		for range 3 {
			list = append(list, simple("1", a, b, c))
		}
		if _, err := Judge(Options{Tolerance: 1e-9}, each(list)); err != nil {
			t.Fatal(err)
		}
		same, err := Judge(Options{}, each([]Sample{simple("1", a, a, c)}))
		if err != nil || len(same.Fields) > 0 {
			t.Fatalf("a body differs from itself: %+v, %v", same.Fields, err)
		}
		noise, err := Judge(Options{}, each([]Sample{simple("1", a, b, b)}))
		if err != nil || len(noise.Fields) > 0 {
			t.Fatalf("the candidate answers as the baseline did the second time: %+v, %v", noise.Fields, err)
		}
	})
}

// FuzzPaths: a path to ignore is refused or works, whatever it is made of.
func FuzzPaths(f *testing.F) {
	for _, s := range []string{"$.a", "$..x", "$.*", "$[*][0].b", `$["a]b"]`, "header.X-(", "status", "$.a\\E+("} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, rule, path string) {
		r, err := Options{Ignore: []string{rule}}.rules()
		if err == nil {
			r.ignores(path)
		}
	})
}
