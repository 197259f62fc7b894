package records

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"aictl/store/records/match"
)

// BenchmarkFinding fills one day with records and looks for some. AICTL_BENCH_RECORDS says how many (200,000 without it; ten million take 2 GB
// in the folder of TMPDIR, which is removed afterwards):
//
//	AICTL_BENCH_RECORDS=10000000 go test ./store/records -run - -bench Finding -benchtime 5x -timeout 1h
func BenchmarkFinding(b *testing.B) {
	n := 200_000
	if text := os.Getenv("AICTL_BENCH_RECORDS"); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		ok(b, err)
	}
	a := openTest(b, b.TempDir())
	began := time.Now()
	fillDay(b, a, n)
	size, err := a.size()
	ok(b, err)
	b.Logf("%d records in %s, %d bytes each", n, time.Since(began).Round(time.Millisecond), size/int64(n))
	page := func(f Filter) func(b *testing.B) int {
		return func(b *testing.B) int {
			f.Limit, f.ScanLimit = 50, 100_000
			p, err := a.List(b.Context(), f)
			ok(b, err)
			return len(p.Records)
		}
	}
	stats := func(f Filter, by GroupBy) func(b *testing.B) int {
		return func(b *testing.B) int {
			s, err := a.Stats(b.Context(), f, by)
			ok(b, err)
			return int(s.Count)
		}
	}
	for _, tc := range []struct {
		name string
		run  func(b *testing.B) int
	}{
		{"page/newest", page(Filter{})},
		{"page/oldest", page(Filter{OldestFirst: true})},
		{"page/service", page(Filter{Services: []string{"service-3"}})},
		{"page/errors", page(Filter{Failed: true})},
		{"page/status", page(Filter{StatusMin: 404, StatusMax: 404})},
		{"page/session", page(Filter{Session: "s17"})},
		{"page/user", page(Filter{User: "u17"})},
		{"page/old_release", page(Filter{Release: "r1"})},
		{"page/rare_path", page(Filter{PathGlob: "/rare"})},
		{"page/no_such_model", page(Filter{Model: "none"})},
		{"page/where_indexed", page(Filter{Where: expr(b, `$.result.label == "l3" and $.result.score < 0.5`)})},
		{"page/where_indexed_rare", page(Filter{Where: expr(b, `$.result.label == "rare"`)})},
		{"page/where_100k_bodies", page(Filter{Where: expr(b, `$.result.nothing == 1`)})},
		{"stats/day", stats(Filter{}, ByNothing)},
		{"stats/by_hour", stats(Filter{}, ByHour)},
		{"stats/by_service_errors", stats(Filter{Failed: true}, ByService)},
		{"stats/two_hours_and_a_bit", stats(Filter{Since: noon.Add(-7 * time.Minute), Until: noon.Add(2 * time.Hour)}, ByRelease)},
		{"sql/count_by_service", func(b *testing.B) int {
			r, err := a.SQL(b.Context(), Query{Text: "SELECT service, count(*) FROM records GROUP BY service"})
			ok(b, err)
			return len(r.Rows)
		}},
	} {
		b.Run(tc.name, func(b *testing.B) {
			found := 0
			for b.Loop() {
				found = tc.run(b)
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(found), "found")
			b.ReportMetric(float64(m.HeapInuse)/(1<<20), "heapMB")
		})
	}
}

// fillDay writes records of one day through Append: ten services, four releases one after the other, one error in a hundred, sessions of 20 records, a
// label of ten in the answer, which is indexed.
func fillDay(b *testing.B, a *Archive, n int) {
	b.Helper()
	path, err := match.ParsePath("$.result.label")
	ok(b, err)
	start := noon.Truncate(24 * time.Hour)
	step := 24 * time.Hour / time.Duration(n)
	batch := make([]*Exchange, 0, 256)
	for i := range n {
		batch = append(batch, benchExchange(start.Add(time.Duration(i)*step), i, n, path))
		if len(batch) == cap(batch) || i == n-1 {
			ok(b, a.Append(batch))
			batch = batch[:0]
		}
	}
	ok(b, a.Tidy())
}

func benchExchange(at time.Time, i, n int, path match.Path) *Exchange {
	id := idAt(at)
	for j := range 8 { // ids of one millisecond in the order of their arrival
		id[8+j] = byte(uint64(i) >> (56 - 8*j))
	}
	id[6], id[8] = 0x70, 0x80
	x := &Exchange{
		ID: uuid.UUID(id).String(), Service: fmt.Sprintf("service-%d", i%10), Release: fmt.Sprintf("r%d", 1+4*i/n), Instance: fmt.Sprintf("service-%d/1", i%10),
		Method: "POST", Path: "/predict", Remote: "127.0.0.1:5555", Status: 200, StartedAt: at, FirstByte: 3 * time.Millisecond,
		Duration: time.Duration(3000+(i*7919)%9000) * time.Microsecond, End: EndComplete, TraceID: fmt.Sprintf("%016x%016x", uint64(i)*0x9e3779b97f4a7c15, i),
		Session: fmt.Sprintf("s%d", i/20), User: fmt.Sprintf("u%d", i/200), Model: fmt.Sprintf("m%d", i%3),
	}
	label := fmt.Sprintf("l%d", (i/7)%10)
	switch {
	case i%100 == 99:
		x.Status = 500
	case i%100_003 == 5:
		x.Status, x.Path, label = 404, "/rare", "rare"
	}
	x.Request = message([]byte(fmt.Sprintf(`{"text":"request number %d says something or other about its subject, as requests do","lang":"en"}`, i)))
	x.Response = message([]byte(fmt.Sprintf(`{"result":{"label":%q,"score":%.3f,"others":[0.1,0.2]},"took":%d}`, label, float64(i%1000)/1000, i%97)))
	x.Indexed = []Indexed{x.IndexedAt(path)}
	return x
}
