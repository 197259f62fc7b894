package records

import (
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aictl/store/records/match"
)

// searchable are records of several kinds over two days; the label is in the response, the model in the request.
func searchable(n int) []*Exchange {
	var xs []*Exchange
	path, err := match.ParsePath("$.result.label")
	if err != nil {
		panic(err)
	}
	for i := range n {
		x := exchange(noon.Add(time.Duration(i)*36*time.Hour/time.Duration(n)), i)
		label := []string{"ham", "spam", "eggs"}[i%3]
		if i == n/2 {
			label = "rare"
		}
		x.Request = message([]byte(fmt.Sprintf(`{"model":"m%d"}`, i%2)))
		x.Response = message([]byte(fmt.Sprintf(`{"result":{"label":%q,"score":%g}}`, label, float64(i%10)/10)))
		x.Service = []string{"ocr", "text"}[i%2]
		x.Release = fmt.Sprintf("r%d", i*4/n)
		x.Session, x.User, x.Model = fmt.Sprintf("s%d", i%7), fmt.Sprintf("u%d", i%5), fmt.Sprintf("m%d", i%2)
		x.Tags = map[string]string{"n": fmt.Sprint(i % 4), "all": "1"}
		if i%6 == 0 {
			x.Source = SourceIngest
		}
		if i%2 == 0 { // only one service's paths are indexed
			x.Indexed = []Indexed{x.IndexedAt(path)}
		}
		xs = append(xs, x)
	}
	return xs
}

func expr(t testing.TB, text string) *match.Expr {
	t.Helper()
	e, err := match.Parse(text)
	ok(t, err)
	return e
}

// TestSearchFindsWhatIsThere compares every kind of filter with going through the records one by one, whole pages and short ones,
// with the help of rollups and without.
func TestSearchFindsWhatIsThere(t *testing.T) {
	a := openTest(t, t.TempDir())
	xs := searchable(600)
	for part := range slices.Chunk(xs, 50) {
		add(t, a, part...)
	}
	label := func(x *Exchange, want string) bool { return strings.Contains(string(x.Response.Body), `"`+want+`"`) }
	defer func(n, m int64, p int) { narrowFrom, scanAmong, probeRows = n, m, p }(narrowFrom, scanAmong, probeRows)
	for name, tc := range map[string]struct {
		f  Filter
		is func(*Exchange) bool
	}{
		"session":  {Filter{Session: "s3"}, func(x *Exchange) bool { return x.Session == "s3" }},
		"user":     {Filter{User: "u3"}, func(x *Exchange) bool { return x.User == "u3" }},
		"model":    {Filter{Model: "m1"}, func(x *Exchange) bool { return x.Model == "m1" }},
		"no model": {Filter{Model: "m7"}, func(x *Exchange) bool { return false }},
		"tag":      {Filter{Tags: map[string]string{"n": "2", "all": ""}}, func(x *Exchange) bool { return x.Tags["n"] == "2" }},
		"no tag":   {Filter{Tags: map[string]string{"n": "9"}}, func(x *Exchange) bool { return false }},
		"source":   {Filter{Sources: []Source{SourceIngest, SourceReplay}}, func(x *Exchange) bool { return x.Source == SourceIngest }},
		"gateway":  {Filter{Sources: []Source{SourceGateway}}, func(x *Exchange) bool { return x.Source == SourceGateway }},
		"hash":     {Filter{BodyHash: hex.EncodeToString(xs[7].Response.SHA256[:])}, func(x *Exchange) bool { return x.Response.SHA256 == xs[7].Response.SHA256 }},
		"no hash":  {Filter{BodyHash: "xyz"}, func(x *Exchange) bool { return false }},
		"release":  {Filter{Release: "r1"}, func(x *Exchange) bool { return x.Release == "r1" }},
		"indexed":  {Filter{Where: expr(t, `$.result.label == "spam"`)}, func(x *Exchange) bool { return label(x, "spam") }},
		"rare":     {Filter{Where: expr(t, `$.result.label == "rare"`), Services: []string{"ocr"}}, func(x *Exchange) bool { return label(x, "rare") && x.Service == "ocr" }},
		"both": {Filter{Where: expr(t, `$.result.label == "spam" and $.result.score < 0.3`)}, func(x *Exchange) bool {
			return label(x, "spam") && x.Response.Body[len(x.Response.Body)-3] < '3' && string(x.Response.Body[len(x.Response.Body)-5:]) != "re\":0"
		}},
		"request": {Filter{Where: expr(t, `request.$.model == "m1"`)}, func(x *Exchange) bool { return x.Model == "m1" }},
		"negated": {Filter{Where: expr(t, `not $.result.label == "spam"`)}, func(x *Exchange) bool { return !label(x, "spam") }},
		"path":    {Filter{PathGlob: "/pre*"}, func(x *Exchange) bool { return true }},
		"all together": {Filter{Session: "s3", User: "u3", Services: []string{"t*"}, Release: "r0"}, func(x *Exchange) bool {
			return x.Session == "s3" && x.User == "u3" && x.Service == "text" && x.Release == "r0"
		}},
		"durations": {Filter{MinDuration: 4 * time.Millisecond, MaxDuration: 4 * time.Millisecond}, func(x *Exchange) bool { return true }},
	} {
		var want []string
		for _, x := range xs {
			if tc.is(x) {
				want = append(want, x.ID)
			}
		}
		for _, narrowed := range [][2]int64{{0, 0}, {0, 1e9}, {1e9, 0}} {
			narrowFrom, scanAmong, probeRows = narrowed[0], narrowed[1], int(40+narrowed[1]%1000)
			for _, limit := range []int{7, 1000} {
				f := tc.f
				f.Limit, f.OldestFirst = limit, true
				got := pages(t, a, f)
				if !slices.Equal(got, want) {
					t.Errorf("%s, limit %d, narrow from %d: found %d, want %d", name, limit, narrowFrom, len(got), len(want))
				}
			}
		}
		var each []string
		_, err := a.Each(t.Context(), tc.f, func(x *Exchange) error { each = append(each, x.ID); return nil })
		slices.Reverse(each)
		if ok(t, err); !slices.Equal(each, want) {
			t.Errorf("%s: Each visits %d, want %d", name, len(each), len(want))
		}
	}
}

func pages(t testing.TB, a *Archive, f Filter) (found []string) {
	t.Helper()
	for {
		page, err := a.List(t.Context(), f)
		ok(t, err)
		if found = append(found, ids(page.Records)...); page.Next == "" {
			return found
		}
		if f.ScanLimit == 0 && len(page.Records) != f.Limit {
			t.Fatalf("a page of %d that is not the last", len(page.Records))
		}
		f.Cursor = page.Next
	}
}

// TestBoundedScan: pages of a search that looks into few records at a time are short, say how far it has come, and miss nothing.
func TestBoundedScan(t *testing.T) {
	a := openTest(t, t.TempDir())
	xs := searchable(100)
	add(t, a, xs...)
	f := Filter{Where: expr(t, `request.$.model == "m1"`), Limit: 10, ScanLimit: 3}
	page, err := a.List(t.Context(), f)
	ok(t, err)
	if page.Scanned != 3 || page.Next == "" || page.UpTo.IsZero() {
		t.Errorf("looked into %d, next %q, up to %s", page.Scanned, page.Next, page.UpTo)
	}
	for _, f.ScanLimit = range []int{1, 3, 64, 1000} {
		if got := pages(t, a, f); len(got) != 50 {
			t.Errorf("%d at a time: found %d of 50", f.ScanLimit, len(got))
		}
	}
}

// TestPagingWhileWriting: somebody pages in both directions through what was there at first, while a writer commits records
// before, behind and between.
func TestPagingWhileWriting(t *testing.T) {
	a := openTest(t, t.TempDir())
	var want []string
	for _, x := range series(noon, 400) {
		add(t, a, x)
		want = append(want, x.ID)
	}
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			at := noon.Add(time.Duration(n%9-4) * time.Hour)
			if err := a.Append([]*Exchange{exchange(at.Add(time.Duration(n)*time.Microsecond), 5000+n)}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	old := map[string]bool{}
	for _, id := range want {
		old[id] = true
	}
	for _, f := range []Filter{{Limit: 9}, {Limit: 9, OldestFirst: true}, {Limit: 9, Where: expr(t, `$.label == "good"`)}, {Limit: 9, Services: []string{"ocr"}, Since: noon.Add(-time.Minute), Until: noon.Add(time.Hour)}} {
		f.Until = noon.Add(30 * time.Minute) // the writer would keep a list without end going
		f.Since = noon.Add(-30 * time.Minute)
		var got []string
		seen := map[string]bool{}
		for _, id := range pages(t, a, f) {
			if seen[id] {
				t.Fatalf("%s came twice", id)
			}
			if seen[id] = true; old[id] {
				got = append(got, id)
			}
		}
		if !f.OldestFirst {
			slices.Reverse(got)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: %d of %d in order", f, len(got), len(want))
		}
	}
	close(stop)
	writer.Wait()
}

// TestWhereReadsBodiesOfAllKinds: bodies in files, compressed ones, damaged ones.
func TestWhereReadsBodiesOfAllKinds(t *testing.T) {
	a := openTest(t, t.TempDir())
	large := exchange(noon, 1)
	large.Response = message([]byte(`{"text":"` + strings.Repeat("x", 200_000) + `","label":"spam"}`))
	broken := exchange(noon, 2)
	broken.Response = message([]byte(`{"label":"spam"}`))
	broken.Response.Header = http.Header{"Content-Encoding": {"gzip"}}
	none := exchange(noon, 3)
	none.Response = Message{Size: 9, Omitted: true}
	stream := exchange(noon, 4)
	stream.Response = message([]byte("data: {\"label\":\"spam\"}\n\n"))
	stream.Response.Header = http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}}
	add(t, a, large, broken, none, stream)
	got := pages(t, a, Filter{Where: expr(t, `$.label == "spam"`), Limit: 9, OldestFirst: true})
	if !slices.Equal(got, []string{large.ID, stream.ID}) {
		t.Errorf("found %v", got)
	}
}

// TestUnindexed: what was indexed of an erased record is gone, and of the others is not.
func TestUnindexed(t *testing.T) {
	a := openTest(t, t.TempDir())
	add(t, a, searchable(8)...)
	w, err := a.writer(dayOf(noon))
	ok(t, err)
	var gone seqSet
	gone.add(3) // the first record is number 1
	ok(t, w.conn.Atomically(func() error { return w.unindex(gone) }))
	var left []int
	ok(t, w.query(listValues, func(row []driver.Value) error {
		entries, err := decodeIndex(row[2].([]byte))
		for _, e := range entries {
			left = append(left, e.at)
		}
		return err
	}))
	if !slices.Equal(left, []int{0}) { // every second record has values; the others of the eight are on the next day
		t.Errorf("values are left of records %v", left)
	}
}
