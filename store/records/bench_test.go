package records

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const batchSize = 256

// words are in the order of how often English uses them; a text drawn by that rule compresses about as prose does.
var words = strings.Fields(`the of and to in a is that for it was on with as be by at this have from or had not are but what all were when we there can an your
which their said if do will each about how up out them then she many some so these would other into has more her two like him see time could no make than first been its
who now people my made over did down only way find use may water long little very after words called just where most know get through back much before go good new write our used me man
too any day same right look think also around another came come work three word must because does part even place well such here take why things help put years different away again off
went old number great tell men say small every found still between name should home big give air line set own under read last never us left end along while might next sound below saw
something thought both few those always looked show large often together asked house world going want school important until form food keep children feet land side without boy once animals
delivery package broken refund arrived screen battery quality excellent terrible support invoice customer order shipping returned product seller warranty charger colour price recommend`)

// drawer makes bodies of the notes' sizes: 370 bytes in, 400 bytes out.
type drawer struct {
	r    *rand.Rand
	zipf *rand.Zipf
}

func newDrawer(n int) *drawer {
	r := rand.New(rand.NewPCG(uint64(n), 7))
	return &drawer{r: r, zipf: rand.NewZipf(r, 1.07, 3, uint64(len(words)-1))}
}

// prose is a text of at least n bytes; one word in thirty is a name or a number that no other text has.
func (d *drawer) prose(n int) string {
	var b strings.Builder
	for b.Len() < n {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		if d.r.IntN(30) == 0 {
			fmt.Fprintf(&b, "%x", d.r.Uint32N(1<<20))
			continue
		}
		b.WriteString(words[d.zipf.Uint64()])
	}
	return b.String()
}

func (d *drawer) floats(n int) string {
	var b strings.Builder
	for b.Len() < n {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%.4f", d.r.NormFloat64())
	}
	return b.String()
}

func (d *drawer) base64(n int) string {
	raw := make([]byte, n*3/4)
	for i := 0; i+8 <= len(raw); i += 8 {
		binary.LittleEndian.PutUint64(raw[i:], d.r.Uint64())
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// kinds are bodies in and out of a text classifier, a model on feature vectors, and one on small pictures.
var kinds = map[string]func(d *drawer) (in, out string){
	"text": func(d *drawer) (string, string) { return d.classifier() },
	// Requests that are much alike, as those of one program are, with a few fields that are not.
	"forms": func(d *drawer) (string, string) {
		in := fmt.Sprintf(`{"order": %d, "customer": "c-%05d", "channel": "web", "lines": [`, d.r.IntN(1e8), d.r.IntN(1e5))
		for range 4 {
			in += fmt.Sprintf(`{"sku": "SKU-%04d", "quantity": %d, "unit": "piece", "price": %d.%02d}, `, d.r.IntN(1e4), 1+d.r.IntN(9), 10+d.r.IntN(90), d.r.IntN(100))
		}
		_, out := d.classifier()
		return in[:len(in)-2] + `], "currency": "EUR"}`, out
	},
	"floats": func(d *drawer) (string, string) {
		return `{"model": "tabular", "features": [` + d.floats(320) + `]}`, `{"embedding": [` + d.floats(360) + `], "ms": 3}`
	},
	"image": func(d *drawer) (string, string) {
		_, out := d.classifier()
		return `{"image": "data:image/png;base64,` + d.base64(320) + `"}`, out
	},
}

func (d *drawer) classifier() (in, out string) {
	in = `{"input_data": ["` + d.prose(310) + `"], "lang": "en", "top_k": 5}`
	labels := []string{"delivery", "quality", "refund", "support", "other"}
	d.r.Shuffle(len(labels), func(i, j int) { labels[i], labels[j] = labels[j], labels[i] })
	var scores []string
	left := 1.0
	for _, l := range labels {
		s := left * d.r.Float64()
		left -= s
		scores = append(scores, fmt.Sprintf(`{"label": "%s", "score": %.4f, "threshold": 0.5}`, l, s))
	}
	return in, fmt.Sprintf(`{"code": 0, "message": "success", "data": {"model": "text-classify-base", "version": "1.4.2", "predictions": [%s], "tokens": %d}, "elapsed_ms": %d}`,
		strings.Join(scores, ", "), 50+d.r.IntN(30), 2+d.r.IntN(6))
}

// benchBatch is what a gateway sees of one kind: requests 10 µs apart that end in a slightly other order.
func benchBatch(kind string, n int) []*Exchange {
	d := newDrawer(n)
	xs := make([]*Exchange, batchSize)
	for i := range xs {
		at := noon.Add(time.Duration(n*batchSize+i) * 10 * time.Microsecond)
		in, out := kinds[kind](d)
		id := idAt(at)
		binary.BigEndian.PutUint64(id[8:], d.r.Uint64())
		id[6], id[7], id[8] = 0x70|byte(d.r.UintN(16)), byte(d.r.Uint32()), id[8]&0x3f|0x80
		var trace [16]byte
		binary.BigEndian.PutUint64(trace[:], d.r.Uint64())
		binary.BigEndian.PutUint64(trace[8:], d.r.Uint64())
		took := time.Duration(2000+d.r.IntN(4000)) * time.Microsecond
		xs[i] = &Exchange{
			ID: id.String(), Service: "text-classify", Release: "r12-1a2b3c4d", Instance: "text-classify/" + fmt.Sprint(1+d.r.IntN(2)), Method: "POST",
			Path: "/predict", Remote: fmt.Sprintf("10.0.0.%d:%d", 1+i%8, 40000+i%32), Status: 200, TraceID: hex.EncodeToString(trace[:]), StartedAt: at,
			FirstByte: took, Duration: took + 80*time.Microsecond, End: EndComplete,
			Request: Message{Body: []byte(in), Size: int64(len(in)), SHA256: sha256.Sum256([]byte(in)), Header: http.Header{
				"Host": {"10.0.0.5:7680"}, "User-Agent": {"python-requests/2.32.3"}, "Accept-Encoding": {"gzip, deflate"}, "Accept": {"*/*"},
				"Connection": {"keep-alive"}, "Content-Type": {"application/json"}, "Content-Length": {fmt.Sprint(len(in))}}},
			Response: Message{Body: []byte(out), Size: int64(len(out)), SHA256: sha256.Sum256([]byte(out)), Header: http.Header{
				"Date": {at.Format(http.TimeFormat)}, "Server": {"uvicorn"}, "Content-Type": {"application/json"}, "Content-Length": {fmt.Sprint(len(out))}}},
		}
	}
	slices.SortFunc(xs[:batchSize-8], func(a, b *Exchange) int {
		return int(a.StartedAt.Add(a.Duration / 8).Sub(b.StartedAt.Add(b.Duration / 8)))
	})
	return xs
}

// BenchmarkAppend writes b.N batches of 256, each synced to disk, by one caller and by two, and reports pairs a second, the
// processor's time and the bytes on disk for each pair.
func BenchmarkAppend(b *testing.B) {
	for _, kind := range []string{"text", "forms", "floats", "image"} {
		for _, callers := range []int{1, 2} {
			b.Run(fmt.Sprintf("%s/callers=%d", kind, callers), func(b *testing.B) { benchAppend(b, kind, callers) })
		}
	}
}

func benchAppend(b *testing.B, kind string, callers int) {
	dir := b.TempDir()
	a := openTest(b, dir)
	const round = 64 // batches that are in memory at a time, so that what is measured is not the collection of them
	var in, out int
	var cpu time.Duration
	b.ResetTimer()
	for done := 0; done < b.N; done += round {
		b.StopTimer()
		batches := make([][]*Exchange, min(round, b.N-done))
		for n := range batches {
			batches[n] = benchBatch(kind, done+n)
			in, out = len(batches[n][0].Request.Body), len(batches[n][0].Response.Body)
		}
		runtime.GC()
		before := cpuTime(b)
		b.StartTimer()
		appendAll(b, a, batches, callers)
		cpu += cpuTime(b) - before
	}
	b.StopTimer()
	pairs := float64(b.N) * batchSize
	b.ReportMetric(pairs/b.Elapsed().Seconds(), "pairs/s")
	b.ReportMetric(float64(cpu.Nanoseconds())/1000/pairs, "cpu-µs/pair")
	ok(b, a.Tidy())
	size, err := a.size()
	ok(b, err)
	b.ReportMetric(float64(size)/pairs, "disk-B/pair")
	b.ReportMetric(float64(in), "B-in")
	b.ReportMetric(float64(out), "B-out")
}

func appendAll(b *testing.B, a *Archive, batches [][]*Exchange, callers int) {
	var next atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for n := next.Add(1) - 1; n < int64(len(batches)); n = next.Add(1) - 1 {
				if err := a.Append(batches[n]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

// cpuTime tells the cost apart from what other programs do to the machine meanwhile.
func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	ok(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkList reads pages of 100 from a day of 200,000.
func BenchmarkList(b *testing.B) {
	a := openTest(b, b.TempDir())
	for n := range 200000 / batchSize {
		add(b, a, benchBatch("text", n)...)
	}
	for name, f := range map[string]Filter{"newest": {}, "service": {Services: []string{"text-classify"}}, "glob": {Services: []string{"t*"}}, "no hit": {Services: []string{"x*"}}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := a.List(b.Context(), f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBlock decodes a block, which reading one record takes.
func BenchmarkBlock(b *testing.B) {
	a := openTest(b, b.TempDir())
	chunks, err := a.prepare(benchBatch("text", 1))
	ok(b, err)
	data := chunks[0].packed.seal(chunks[0].raw.fixed)
	b.SetBytes(int64(chunks[0].raw.size()))
	for b.Loop() {
		if _, err := a.decodeBlock(0, 1, batchSize, bytes.Clone(data)); err != nil {
			b.Fatal(err)
		}
	}
}
