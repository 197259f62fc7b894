package records

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func ids(xs []Exchange) []string {
	out := make([]string, len(xs))
	for i, x := range xs {
		out[i] = x.ID
	}
	return out
}

func TestPagesAreWholeAndStable(t *testing.T) {
	for _, oldestFirst := range []bool{false, true} {
		a := openTest(t, t.TempDir())
		var want []string
		for d := range 3 {
			for _, x := range series(noon.AddDate(0, 0, d), 25) {
				add(t, a, x)
				want = append(want, x.ID)
			}
		}
		if !oldestFirst {
			slices.Reverse(want)
		}
		var got []string
		f := Filter{Limit: 10, OldestFirst: oldestFirst}
		for n := 0; ; n++ {
			page, err := a.List(t.Context(), f)
			ok(t, err)
			got = append(got, ids(page.Records)...)
			if f.Cursor = page.Next; page.Next == "" {
				break
			}
			// Records that come in behind the cursor do not disturb it.
			behind := noon.AddDate(0, 0, 3).Add(time.Duration(n) * time.Second)
			if oldestFirst {
				behind = noon.AddDate(0, 0, -1).Add(time.Duration(n) * time.Second)
			}
			add(t, a, exchange(behind, n))
		}
		if !slices.Equal(got, want) {
			t.Errorf("oldest first %v: got %d records, want %d in order", oldestFirst, len(got), len(want))
		}
	}
}

func TestFilters(t *testing.T) {
	a := openTest(t, t.TempDir())
	set := func(n int, f func(*Exchange)) *Exchange {
		x := exchange(noon.Add(time.Duration(n)*time.Minute), n)
		f(x)
		return x
	}
	add(t, a,
		set(0, func(x *Exchange) {}),
		set(1, func(x *Exchange) { x.Service, x.Release = "text-a", "r2-00000000" }),
		set(2, func(x *Exchange) { x.Service, x.Session, x.Status = "text-b", "s", 404 }),
		set(3, func(x *Exchange) { x.Method, x.Path, x.Status, x.End = "GET", "/info", 502, EndUpstreamAbort }),
		set(4, func(x *Exchange) { x.Instance, x.Path, x.Status, x.End = "ocr/2", "/predict%", 0, EndClientAbort }),
	)
	at := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }
	for name, tc := range map[string]struct {
		f    Filter
		want string
	}{
		"all":             {Filter{}, "43210"},
		"oldest first":    {Filter{OldestFirst: true}, "01234"},
		"service":         {Filter{Services: []string{"ocr"}}, "430"},
		"services":        {Filter{Services: []string{"ocr", "text-a"}}, "4310"},
		"glob":            {Filter{Services: []string{"text-*"}}, "21"},
		"glob and name":   {Filter{Services: []string{"text-[b]", "text-a"}}, "21"},
		"release":         {Filter{Release: "r2-00000000"}, "1"},
		"instance":        {Filter{Instance: "ocr/2"}, "4"},
		"session":         {Filter{Session: "s"}, "2"},
		"trace":           {Filter{TraceID: fmt.Sprintf("%032X", 4)}, "3"},
		"method":          {Filter{Method: "get"}, "3"},
		"path":            {Filter{PathPrefix: "/predict"}, "4210"},
		"path with %":     {Filter{PathPrefix: "/predict%"}, "4"},
		"errors":          {Filter{StatusMin: 400}, "32"},
		"client errors":   {Filter{StatusMin: 400, StatusMax: 499}, "2"},
		"no better":       {Filter{StatusMax: 399}, "410"},
		"end":             {Filter{End: EndClientAbort}, "4"},
		"since":           {Filter{Since: at(3)}, "43"},
		"until":           {Filter{Until: at(3)}, "210"},
		"between":         {Filter{Since: at(1), Until: at(2)}, "1"},
		"quote":           {Filter{Services: []string{"' OR 1 --"}}, ""},
		"all at once":     {Filter{Services: []string{"o*"}, Method: "POST", PathPrefix: "/p", Since: at(0), Until: at(9), End: EndComplete}, "0"},
		"day without any": {Filter{Since: noon.AddDate(0, 0, 5)}, ""},
	} {
		page, err := a.List(t.Context(), tc.f)
		ok(t, err)
		got := ""
		for _, x := range page.Records {
			got += fmt.Sprint(x.StartedAt.Minute())
		}
		if got != tc.want || page.Next != "" || len(page.Warnings) > 0 {
			t.Errorf("%s: got %q, want %q (next %q, warnings %v)", name, got, tc.want, page.Next, page.Warnings)
		}
		s, err := a.Stats(t.Context(), tc.f, ByNothing)
		ok(t, err)
		if s.Count != int64(len(tc.want)) {
			t.Errorf("%s: stats count %d, want %d", name, s.Count, len(tc.want))
		}
	}
}

// TestLookupsOverManyTransactions finds what is spread over a day in transactions of every size, repeats among them.
func TestLookupsOverManyTransactions(t *testing.T) {
	a := openTest(t, t.TempDir())
	want := map[string]int{}
	for n := range 60 {
		xs := series(noon.Add(time.Duration(n)*10*time.Minute), 1+n*7%50)
		for i, x := range xs {
			x.Session = fmt.Sprintf("s%d", (n+i)%9)
			x.TraceID = fmt.Sprintf("%032x", (n*i)%40)
			want[x.Session]++
			want[x.TraceID]++
		}
		add(t, a, xs...)
		add(t, a, xs[:len(xs)/2]...)
		add(t, a, append(xs[:len(xs):len(xs)], exchange(noon.Add(time.Duration(n)*time.Millisecond), 900))...)
	}
	for key, n := range want {
		for _, f := range []Filter{{Session: key}, {TraceID: key}} {
			if (f.Session != "") != strings.HasPrefix(key, "s") {
				continue
			}
			s, err := a.Stats(t.Context(), f, ByNothing)
			ok(t, err)
			if s.Count != int64(n) && key != fmt.Sprintf("%032x", 901) {
				t.Errorf("%s: found %d of %d", key, s.Count, n)
			}
		}
	}
}

func TestBadCursors(t *testing.T) {
	a := openTest(t, t.TempDir())
	add(t, a, series(noon, 3)...)
	page, err := a.List(t.Context(), Filter{Limit: 1})
	ok(t, err)
	for _, f := range []Filter{{Cursor: "x"}, {Cursor: page.Next + "A"}, {Cursor: page.Next[1:]}, {Cursor: page.Next, OldestFirst: true}, {Cursor: strings.Repeat("A", 10000)}} {
		_, err := a.List(t.Context(), f)
		wantErr(t, err, ErrBadCursor, f.Cursor[:1])
	}
}

func TestGetByPrefix(t *testing.T) {
	a := openTest(t, t.TempDir())
	xs := series(noon, 3)
	add(t, a, xs...)
	add(t, a, exchange(noon, 9))
	for text, want := range map[string]error{
		xs[1].ID: nil, strings.ToUpper(xs[1].ID): nil, xs[1].ID[:20]: nil, xs[1].ID[:13]: nil, strings.ReplaceAll(xs[1].ID, "-", ""): nil,
		xs[1].ID[:8]: ErrAmbiguous, xs[0].ID[:13]: ErrAmbiguous, "ffffffff": ErrNotFound, idOf(noon, 77): ErrNotFound,
		"": ErrBadID, "019": ErrBadID, "zzzz": ErrBadID, "0-19a": ErrBadID, xs[1].ID + "0": ErrBadID, "../../x": ErrBadID,
	} {
		x, err := a.Get(t.Context(), text)
		if !errors.Is(err, want) || (want == nil && x.ID != xs[1].ID) {
			t.Errorf("%q: got %s, %v; want %v", text, x.ID, err, want)
		}
	}
}

func TestStats(t *testing.T) {
	a := openTest(t, t.TempDir())
	xs := series(noon, 100)
	for i, x := range xs {
		x.Duration = time.Duration(i+1) * time.Millisecond
		x.Request.Size, x.Response.Size = 10, 20
	}
	xs[0].Status, xs[0].End, xs[0].FirstByte = 0, EndClientAbort, 0
	add(t, a, xs...)
	s, err := a.Stats(t.Context(), Filter{}, ByNothing)
	ok(t, err)
	if s.Count != 100 || s.RequestBytes != 1000 || s.ResponseBytes != 2000 || s.ByStatus[200] != 99 || s.ByEnd[EndClientAbort] != 1 ||
		s.ByService["ocr"] != 100 || !s.First.Equal(noon) || !s.Last.Equal(noon.Add(99*time.Second)) {
		t.Errorf("stats are %+v", s)
	}
	for p, want := range map[time.Duration]time.Duration{s.Duration.P50: 50, s.Duration.P90: 90, s.Duration.P95: 95, s.Duration.P99: 99, s.Duration.Max: 100} {
		want *= time.Millisecond
		if off := p - want; off < 0 || off > want/60 {
			t.Errorf("percentile is %s, want %s", p, want)
		}
	}
}

func TestHistogramBuckets(t *testing.T) {
	for _, us := range []int64{0, 1, 63, 64, 127, 128, 129, 1000, 4095, 4096, 1e6, 1e9, 1 << 62} {
		i := bucketOf(us)
		if top := bucketTop(i); top < us || float64(top-us) > float64(us)/60 || (i > 0 && bucketTop(i-1) >= us) {
			t.Errorf("%d µs is in bucket %d that ends at %d", us, i, bucketTop(i))
		}
	}
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	a := openTest(t, dir)
	shared, alone := message(noise(100<<10)), message(noise(101<<10))
	old, older, kept := exchange(noon, 1), exchange(noon.AddDate(0, 0, -1), 2), exchange(noon.AddDate(0, 0, 1), 3)
	old.Request, older.Request, kept.Request = shared, alone, shared
	add(t, a, old, older, kept)
	_, err := a.Get(t.Context(), old.ID)
	ok(t, err)
	files, err := filepath.Glob(filepath.Join(dir, "bodies", "*", "*"))
	ok(t, err)
	if len(files) != 2 {
		t.Fatalf("body files are %v", files)
	}
	s, err := a.Sweep(t.Context(), kept.StartedAt)
	ok(t, err)
	if !slices.Equal(s.Days, []string{"2026-11-20", "2026-11-21"}) || s.Bodies != 0 {
		t.Errorf("first sweep removed %+v: young bodies must stay", s)
	}
	long := time.Now().Add(-2 * orphanAge)
	for _, f := range files {
		ok(t, os.Chtimes(f, long, long))
	}
	s, err = a.Sweep(t.Context(), kept.StartedAt)
	ok(t, err)
	if s.Bodies != 1 || s.Bytes != 101<<10 {
		t.Errorf("second sweep removed %+v", s)
	}
	got, err := a.Get(t.Context(), kept.ID)
	ok(t, err)
	sameMessage(t, "request", got.Request, shared)
	_, err = a.Get(t.Context(), old.ID)
	wantErr(t, err, ErrNotFound, "get a swept record")
	if left, err := filepath.Glob(filepath.Join(dir, "2026-11-2[01].*")); err != nil || len(left) > 0 {
		t.Errorf("left of swept days: %v %v", left, err)
	}
	add(t, a, exchange(noon, 5)) // a late record begins the day anew
}

func TestSweepBytes(t *testing.T) {
	dir := t.TempDir()
	a := openTest(t, dir)
	for n := range 4 {
		x := exchange(noon.AddDate(0, 0, n), n)
		x.Request = message(noise(100<<10 + n))
		add(t, a, x)
	}
	ok(t, a.Tidy())
	files, err := filepath.Glob(filepath.Join(dir, "bodies", "*", "*"))
	ok(t, err)
	long := time.Now().Add(-2 * orphanAge)
	for _, f := range files {
		ok(t, os.Chtimes(f, long, long))
	}
	all, err := a.size()
	ok(t, err)
	if s, err := a.SweepBytes(t.Context(), all); err != nil || len(s.Days) > 0 {
		t.Errorf("within the limit %+v was removed (%v)", s, err)
	}
	s, err := a.SweepBytes(t.Context(), all-1)
	ok(t, err)
	if !slices.Equal(s.Days, []string{"2026-11-21"}) || s.Bodies != 1 {
		t.Errorf("one byte above the limit %+v was removed, want the oldest day with its body", s)
	}
	s, err = a.SweepBytes(t.Context(), 1)
	ok(t, err)
	if !slices.Equal(s.Days, []string{"2026-11-22", "2026-11-23"}) {
		t.Errorf("with room for nothing %+v was removed, want all but the newest day", s)
	}
	page, err := a.List(t.Context(), Filter{})
	ok(t, err)
	if len(page.Records) != 1 {
		t.Errorf("%d records are left", len(page.Records))
	}
}

func TestSweepLeavesBodiesOfUnreadableDays(t *testing.T) {
	dir := t.TempDir()
	a := openTest(t, dir)
	x := exchange(noon, 1)
	x.Request = message(noise(100 << 10))
	add(t, a, x)
	ok(t, a.Close())
	ok(t, os.WriteFile(filepath.Join(dir, "2026-11-21.db"), []byte("not a database at all, whatever its name"), 0o600))
	files, err := filepath.Glob(filepath.Join(dir, "bodies", "*", "*"))
	ok(t, err)
	long := time.Now().Add(-2 * orphanAge)
	ok(t, os.Chtimes(files[0], long, long))
	a = openTest(t, dir)
	s, err := a.Sweep(t.Context(), noon)
	ok(t, err)
	if s.Bodies != 0 || len(s.Warnings) == 0 {
		t.Errorf("sweep removed %+v", s)
	}
}

// TestQueriesUseIndexes fails when a filter would read a whole day.
func TestQueriesUseIndexes(t *testing.T) {
	a := openTest(t, t.TempDir())
	other := exchange(noon, 2)
	other.Service = "text"
	add(t, a, exchange(noon, 1), other)
	for name, tc := range map[string]struct {
		f    Filter
		want string
	}{
		"all":     {Filter{}, "SCAN exchanges"},
		"service": {Filter{Services: []string{"ocr"}}, "exchanges_service"},
		"glob":    {Filter{Services: []string{"o*", "x"}}, "exchanges_service"},
		"globs":   {Filter{Services: []string{"o*", "t*"}}, "SCAN exchanges"},
		"session": {Filter{Session: "s"}, "PRIMARY KEY (id=?)"},
		"trace":   {Filter{TraceID: fmt.Sprintf("%032x", 1)}, "PRIMARY KEY (id=?)"},
		"errors":  {Filter{StatusMin: 500}, "exchanges_errors"},
		"failed":  {Filter{Failed: true}, "exchanges_errors"},
		"label":   {Filter{Labels: []LabelFilter{{field: "any"}}}, "id=?"},
		"since":   {Filter{Since: noon}, "id>?"},
	} {
		plan := ""
		ok(t, a.readers.with(t.Context(), dayOf(noon), func(db *sql.DB) error {
			s, err := a.search(t.Context(), tc.f, dayOf(noon), db)
			ok(t, err)
			text, args := tc.f.query(s.where, nil, 10)
			return eachRow(t.Context(), db, "EXPLAIN QUERY PLAN "+text, args, func(rows *sql.Rows) error {
				var id, parent, unused int
				var detail string
				err := rows.Scan(&id, &parent, &unused, &detail)
				plan += detail + "; "
				return err
			})
		}))
		if !strings.Contains(plan, tc.want) {
			t.Errorf("%s: plan is %s", name, plan)
		}
	}
}
