package compare

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// doc is an answer's body before it is written.
type doc = map[string]any

// truth is what a deterministic service answers to a request.
func truth(request *rand.Rand) doc {
	labels := []string{"spam", "ham", "eggs", "bacon"}
	var items []any
	for i := range 3 + request.IntN(4) {
		items = append(items, doc{"name": fmt.Sprintf("item %d-%d", i, request.IntN(1000)), "score": request.Float64(), "box": []any{request.IntN(9), 10 + request.IntN(9)}})
	}
	return doc{
		"label": labels[request.IntN(len(labels))], "score": 0.1 + 0.8*request.Float64(), "count": request.IntN(100),
		"text": fmt.Sprintf("text %d", request.IntN(10)), "items": items, "ranking": []any{"a", "b", "c", "d"},
		"flags": doc{"ok": true, "why": nil}, "words": []any{fmt.Sprint("w", request.IntN(99)), "x", "y", "z"},
		"vector": []any{request.Float64(), request.Float64(), request.Float64()},
	}
}

// noisy adds what no two answers have in common: times, counters, random ids, jitter, lists and objects in any order.
func noisy(d doc, at int, r *rand.Rand) {
	d["meta"] = doc{
		"request_id": fmt.Sprintf("%016x", r.Uint64()), "at": time.Unix(1e9, 0).Add(time.Duration(at) * time.Millisecond).Format(time.RFC3339Nano),
		"epoch": 1_000_000 + at, "nonce": r.IntN(1 << 30), "took_ms": 5 * (0.5 + r.ExpFloat64()),
		"cache": []any{"hit", "miss"}[r.IntN(2)],
	}
	d["score"] = d["score"].(float64) + 0.002*(r.Float64()-0.5)
	for i, v := range d["vector"].([]any) {
		d["vector"].([]any)[i] = v.(float64) + 1e-6*r.NormFloat64()
	}
	items := d["items"].([]any)
	r.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
	for _, it := range items {
		it.(doc)["id"] = r.Uint32()
		it.(doc)["score"] = it.(doc)["score"].(float64) + 1e-4*r.NormFloat64()
	}
	d["by_id"] = doc{fmt.Sprintf("u-%x", r.Uint32()): doc{"ok": true}, fmt.Sprintf("u-%x", r.Uint32()): doc{"ok": true}}
	words := d["words"].([]any)
	r.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
}

// changes are what a new version may do, with the place where a report must show it.
var changes = map[place]func(d doc){
	{"$.label", KindValue}:         func(d doc) { d["label"] = strings.ToUpper(d["label"].(string)) },
	{"$.score", KindValue}:         func(d doc) { d["score"] = d["score"].(float64) + 0.05 },
	{"$.count", KindType}:          func(d doc) { d["count"] = fmt.Sprint(d["count"]) },
	{"$.text", KindMissing}:        func(d doc) { delete(d, "text") },
	{"$.version", KindNew}:         func(d doc) { d["version"] = "2" },
	{"$.ranking", KindLength}:      func(d doc) { d["ranking"] = []any{"a", "b", "c"} },
	{"$.flags.why", KindType}:      func(d doc) { d["flags"].(doc)["why"] = "because" },
	{"$.vector[*]", KindValue}:     func(d doc) { v := d["vector"].([]any); v[1] = v[1].(float64) + 0.01 },
	{"$.meta.nonce", KindType}:     func(d doc) { d["meta"].(doc)["nonce"] = "n" },
	{"$.items[*].box", KindLength}: func(d doc) { d["items"].([]any)[0].(doc)["box"] = []any{1} },
	{"$.items[*].label", KindNew}:  func(d doc) { d["items"].([]any)[0].(doc)["label"] = "L" },
}

func answerOf(t *testing.T, d doc, took time.Duration) Answer {
	t.Helper()
	body, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return Answer{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: body, Size: int64(len(body)), Took: took}
}

// planted makes the answers of n requests by a service and its changed version.
func planted(t *testing.T, seed uint64, n int, change []place, share float64) []Sample {
	r := rand.New(rand.NewPCG(seed, 7))
	clock := 0
	ask := func(request uint64, with []place) Answer {
		d := truth(rand.New(rand.NewPCG(seed, request)))
		clock += 1 + r.IntN(5)
		noisy(d, clock, r)
		for _, p := range with {
			changes[p](d)
		}
		return answerOf(t, d, time.Duration(5+r.IntN(10))*time.Millisecond)
	}
	var out []Sample
	for i := range n {
		var with []place
		if i == 0 || r.Float64() < share {
			with = change
		}
		s := Sample{ID: fmt.Sprint("record ", i), Base: ask(uint64(i), nil), Candidate: ask(uint64(i), with)}
		s.Twice = [2]Answer{s.Base, ask(uint64(i), nil)}
		out = append(out, s)
	}
	return out
}

func each(list []Sample) Samples {
	return func(visit func(*Sample) error) error {
		for i := range list {
			if err := visit(&list[i]); err != nil {
				return err
			}
		}
		return nil
	}
}

func placesOf(fields []Field) []place {
	var out []place
	for _, f := range fields {
		out = append(out, place{f.Path, f.Kind})
	}
	return sortedPlaces(out)
}

func sortedPlaces(p []place) []place {
	slices.SortFunc(p, func(a, b place) int { return strings.Compare(a.path+string(a.kind), b.path+string(b.kind)) })
	return p
}

// TestPlantedChangesAreFoundAndNoiseIsNot is the promise: over many seeds, every planted change and nothing else.
func TestPlantedChangesAreFoundAndNoiseIsNot(t *testing.T) {
	all := sortedPlaces(slices.Collect(maps.Keys(changes)))
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 3))
		var change []place
		for _, p := range all {
			if r.IntN(3) == 0 {
				change = append(change, p)
			}
		}
		out, err := Judge(Options{}, each(planted(t, seed, 60, change, 0.5)))
		if err != nil {
			t.Fatal(err)
		}
		if got := placesOf(out.Fields); !slices.Equal(got, change) {
			t.Errorf("seed %d: planted %v\nfound %v", seed, change, got)
		}
		if len(change) == 0 && out.Differ != 0 || len(change) > 0 && (out.Differ < 15 || out.Differ > 45) {
			t.Errorf("seed %d: %d of %d requests differ, half were planted", seed, out.Differ, out.Compared)
		}
		for _, f := range out.Fields {
			if len(f.Examples) == 0 || f.Examples[0].Record == "" {
				t.Errorf("seed %d: %s has no example", seed, f.Path)
			}
		}
	}
}

func TestWhatIsLearned(t *testing.T) {
	out, err := Judge(Options{}, each(planted(t, 1, 60, nil, 0)))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"$.items", "$.words"}; !slices.Equal(out.Unordered, want) {
		t.Errorf("lists without order: %v, want %v", out.Unordered, want)
	}
	if want := []string{"$.by_id"}; !slices.Equal(out.Dynamic, want) {
		t.Errorf("objects whose names are data: %v, want %v", out.Dynamic, want)
	}
	for _, path := range []string{"$.score", "$.vector[*]", "$.items[*].score"} {
		if !slices.ContainsFunc(out.Noise, func(f Field) bool { return f.Path == path && f.Tolerance > 0 && f.Tolerance < 0.01 }) {
			t.Errorf("no small tolerance was learned for %s: %+v", path, out.Noise)
		}
	}
	for _, f := range out.Noise {
		if f.Path == "$.meta.epoch" && f.Tolerance != 0 {
			t.Errorf("a clock has a tolerance: %+v", f)
		}
	}
	if l := out.Latency; l == nil || l.Samples != 60 || l.P50.Low > 1 || l.P50.High < 1 {
		t.Errorf("equal latencies are told apart: %+v", l)
	}
}

// simple is a sample of three bodies: baseline, candidate, baseline again.
func simple(id, base, candidate, twice string) Sample {
	a := func(body string) Answer {
		return Answer{Status: 200, Body: []byte(body), Size: int64(len(body)), SHA256: digest(body)}
	}
	return Sample{ID: id, Base: a(base), Candidate: a(candidate), Twice: [2]Answer{a(base), a(twice)}}
}

func TestOneSampleIsEnoughWhereThereIsNoNoise(t *testing.T) {
	for _, c := range []struct {
		name, base, cand string
		opts             Options
		want             []place
	}{
		{"same", `{"a":1}`, `{"a": 1.0}`, Options{}, nil},
		{"value", `{"a":1}`, `{"a":2}`, Options{}, []place{{"$.a", KindValue}}},
		{"ids beyond float64", `{"a":9007199254740992}`, `{"a":9007199254740993}`, Options{}, []place{{"$.a", KindValue}}},
		{"type", `{"a":1}`, `{"a":"1"}`, Options{}, []place{{"$.a", KindType}}},
		{"null", `{"a":null}`, `{}`, Options{}, []place{{"$.a", KindMissing}}},
		{"new", `[]`, `[1]`, Options{}, []place{{"$", KindLength}}},
		{"odd name", `{"a b":{"":1}}`, `{"a b":{"":2}}`, Options{}, []place{{`$["a b"][""]`, KindValue}}},
		{"elements are one path", `[[1,2],[3,4]]`, `[[1,0],[0,4]]`, Options{}, []place{{"$[*][*]", KindValue}}},
		{"order", `[1,2,3]`, `[3,1,2]`, Options{}, []place{{"$[*]", KindValue}}},
		{"told no order", `{"l":[1,2,3]}`, `{"l":[3,1,2]}`, Options{Unordered: []string{"$.l"}}, nil},
		{"told no order, one other", `{"l":[1,2,3]}`, `{"l":[3,9,2]}`, Options{Unordered: []string{"$.l"}}, []place{{"$.l[*]", KindValue}}},
		{"tolerance", `{"a":1.0001,"b":1}`, `{"a":1.0002,"b":2}`, Options{Tolerance: 1e-3}, []place{{"$.b", KindValue}}},
		{"tolerance of one path", `{"a":1,"b":1}`, `{"a":2,"b":2}`, Options{PathTol: map[string]float64{"$.a": 1}}, []place{{"$.b", KindValue}}},
		{"ignored", `{"m":{"x":[1]},"mm":1}`, `{"m":{"x":[2]},"mm":2}`, Options{Ignore: []string{"$.m"}}, []place{{"$.mm", KindValue}}},
		{"ignored elements", `[{"x":1,"y":1}]`, `[{"x":2,"y":2}]`, Options{Ignore: []string{"$[0].x"}}, []place{{"$[*].y", KindValue}}},
		{"ignored anywhere", `{"a":{"t":1},"b":{"t":1}}`, `{"a":{"t":2},"b":{"t":2}}`, Options{Ignore: []string{"$.*.t"}}, nil},
		{"text", "one\ntwo", "one\n2", Options{}, []place{{"body", KindValue}}},
		{"text to JSON", "one", "1", Options{}, []place{{"body", KindType}}},
		{"binary", "\xff\x00", "\xff\x01", Options{}, []place{{"body", KindValue}}},
		{"empty", "", "x", Options{}, []place{{"body", KindType}}},
		{"ignored body", "a", "b", Options{Ignore: []string{"body"}}, nil},
		{"JSON lines", "{\"a\":1}\n{\"a\":2}\n", "{\"a\":1}\n{\"a\":3}\n", Options{}, []place{{"$[*].a", KindValue}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := Judge(c.opts, each([]Sample{simple("1", c.base, c.cand, c.base)}))
			if err != nil {
				t.Fatal(err)
			}
			if got := placesOf(out.Fields); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestStatusHeadersAndFailures(t *testing.T) {
	page := simple("1", `{"a":1}`, `{"error":"no"}`, `{"a":1}`)
	page.Candidate.Status = 500
	gone := simple("2", `{"a":1}`, ``, `{"a":1}`)
	gone.Candidate = Answer{Failure: "timeout"}
	head := simple("3", `{}`, `{}`, `{}`)
	head.Candidate.Header = http.Header{"Content-Type": {"text/html"}, "X-Model": {"2"}}
	out, err := Judge(Options{Headers: []string{"Content-Type", "X-Model"}}, each([]Sample{page, gone, head}))
	if err != nil {
		t.Fatal(err)
	}
	want := []place{{"header.Content-Type", KindNew}, {"header.X-Model", KindNew}, {"status", KindValue}}
	if got := placesOf(out.Fields); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v: the body of an error is not compared with that of a result", got, want)
	}
	if out.Differ != 3 || out.Rate != 1 {
		t.Errorf("%d differ, rate %v", out.Differ, out.Rate)
	}
}

func TestUnknownBodiesAreComparedByDigest(t *testing.T) {
	same, other, masked := simple("1", "x", "x", "x"), simple("2", "x", "y", "x"), simple("3", "x", "y", "x")
	for _, s := range []*Sample{&same, &other, &masked} {
		s.Base.Partial, s.Base.Body = true, nil
		s.Twice = [2]Answer{s.Candidate, s.Candidate}
	}
	masked.Base.SHA256 = [32]byte{}
	out, err := Judge(Options{}, each([]Sample{same, other, masked}))
	if err != nil || out.Differ != 1 || out.Fields[0].Path != "body" || out.Fields[0].Examples[0].Record != "2" {
		t.Fatalf("%+v, %v", out, err)
	}
}

func TestSeenOnceIsNotAChange(t *testing.T) {
	var list []Sample
	for i := range 20 {
		list = append(list, simple(fmt.Sprint(i), `{"a":1,"b":1}`, `{"a":1,"b":1}`, `{"a":1,"b":1}`))
	}
	list[3] = simple("once", `{"a":1,"b":1}`, `{"a":2,"b":1}`, `{"a":1,"b":1}`)
	list[5] = simple("lasting", `{"a":1,"b":1}`, `{"a":1,"b":2}`, `{"a":1,"b":1}`)
	list[3].Again = &[2]Answer{list[3].Base, list[3].Base}
	list[5].Again = &[2]Answer{list[5].Base, list[5].Candidate}
	out, err := Judge(Options{}, each(list))
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Fields) != 1 || out.Fields[0].Path != "$.b" || len(out.Noise) != 1 || !out.Noise[0].Unconfirmed {
		t.Fatalf("changed %+v, noise %+v", out.Fields, out.Noise)
	}
	for _, c := range []struct {
		i    int
		want bool
	}{{0, false}, {3, true}, {5, true}} {
		if got, err := (Options{}).Suspicious(&list[c.i]); err != nil || got != c.want {
			t.Errorf("sample %d: suspicious is %v, %v", c.i, got, err)
		}
	}
}

// A version that breaks one answer in five where one in fifty was broken before has changed; one that does as before
// has not.
func TestMoreOftenThanNoise(t *testing.T) {
	for _, c := range []struct {
		broken int
		want   bool
	}{{20, true}, {2, false}} {
		var list []Sample
		for i := range 100 {
			s := simple(fmt.Sprint(i), `{"a":1}`, `{"a":1}`, `{"a":1}`)
			if i < c.broken {
				s.Candidate.Body = []byte(`{"a":0}`)
			}
			if i >= 98 {
				s.Twice[1].Body = []byte(`{"a":0}`)
			}
			list = append(list, s)
		}
		out, err := Judge(Options{}, each(list))
		if err != nil || (len(out.Fields) == 1) != c.want {
			t.Errorf("%d broken: %+v, %v", c.broken, out.Fields, err)
		}
	}
}

func TestBadOptions(t *testing.T) {
	for _, o := range []Options{
		{Ignore: []string{"a.b"}}, {Unordered: []string{"items"}}, {Tolerance: -1}, {PathTol: map[string]float64{"$.a": -1}}, {PathTol: map[string]float64{"a": 1}},
	} {
		if err := o.Check(); err == nil {
			t.Errorf("%+v is taken", o)
		}
		if _, err := Judge(o, each(nil)); err == nil {
			t.Errorf("%+v is judged by", o)
		}
	}
	if out, err := Judge(Options{}, each(nil)); err != nil || out.Compared != 0 || out.Rate != 0 {
		t.Errorf("nothing to compare: %+v, %v", out, err)
	}
}
