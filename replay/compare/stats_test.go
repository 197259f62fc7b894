package compare

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"math"
	"math/rand/v2"
	"net/http"
	"testing"
)

func digest(s string) [32]byte { return sha256.Sum256([]byte(s)) }

func TestBinomialTail(t *testing.T) {
	for _, c := range []struct {
		k, n int
		p    float64
		want float64
	}{
		{0, 10, 0.5, 1}, {10, 10, 0.5, 1.0 / 1024}, {9, 10, 0.5, 11.0 / 1024}, {1, 3, 0.5, 7.0 / 8}, {11, 10, 0.5, 0},
		{1, 1, 0, 0}, {1, 1, 1, 1}, {2, 4, 0.1, 0.0523}, {600, 1000, 0.5, 1.364e-10},
	} {
		if got := binomialTail(c.k, c.n, c.p); math.Abs(got-c.want) > 1e-9+1e-3*c.want {
			t.Errorf("P(X ≥ %d), n %d, p %v: got %v, want %v", c.k, c.n, c.p, got, c.want)
		}
	}
}

// TestRatioCovers: the interval of two samples of one kind holds 1 in about 95 of 100 cases, and that of a slower one does not.
func TestRatioCovers(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	covered := 0
	const runs = 25
	for range runs {
		a, b, slow := make([]float64, 100), make([]float64, 100), make([]float64, 100)
		for i := range a {
			request := 5 * r.ExpFloat64()
			a[i], b[i] = 10+request+r.Float64(), 10+request+r.Float64()
			slow[i] = 1.3 * b[i]
		}
		if i := ratio(a, b, 0.5); i.Low <= 1 && 1 <= i.High {
			covered++
		}
		if i := ratio(a, slow, 0.5); i.Low <= 1.1 || i.High > 1.6 || i.Estimate < i.Low || i.Estimate > i.High {
			t.Errorf("30 %% slower: %+v", i)
		}
	}
	if covered < runs*8/10 {
		t.Errorf("%d of %d intervals hold the truth", covered, runs)
	}
	a := []float64{1, 2, 3, 4, 5, 6, 7}
	if x, y := ratio(a, a, 0.5), ratio(a, a, 0.5); x != y || x.Estimate != 1 {
		t.Errorf("the same samples give %+v and %+v", x, y)
	}
}

func TestCompressedBodies(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(`{"a":1}`)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	plain := Answer{Status: 200, Body: []byte(`{"a":2}`)}
	zipped := Answer{Status: 200, Header: http.Header{"Content-Encoding": {"gzip"}}, Body: packed.Bytes()}
	out, err := Judge(Options{}, each([]Sample{{ID: "1", Base: plain, Candidate: zipped, Twice: [2]Answer{plain, plain}}}))
	if err != nil || len(out.Fields) != 1 || out.Fields[0].Path != "$.a" {
		t.Fatalf("%+v, %v", out.Fields, err)
	}
	for _, encoding := range []string{"br", "gzip"} {
		a := Answer{Header: http.Header{"Content-Encoding": {encoding}}, Body: []byte("{}")}
		if got := a.read().is; got != contentBinary {
			t.Errorf("what cannot be unpacked from %s is %v", encoding, got)
		}
	}
}

func TestEventStream(t *testing.T) {
	stream := func(s string) Answer {
		return Answer{Status: 200, Header: http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}}, Body: []byte(s)}
	}
	a, b := stream("event: x\ndata: {\"t\":\"a\"}\n\ndata: [DONE]\n\n"), stream("data: {\"t\":\"b\"}\n\ndata: [DONE]\n\n")
	out, err := Judge(Options{}, each([]Sample{{ID: "1", Base: a, Candidate: b, Twice: [2]Answer{a, a}}}))
	if err != nil || len(out.Fields) != 1 || out.Fields[0].Path != "$[*].t" {
		t.Fatalf("%+v, %v", out.Fields, err)
	}
}
