package records

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"
)

// TestRollupsSayWhatRowsSay compares statistics out of rollups with ones out of every row, for times that cut through rollups and
// paths that are too many for them.
func TestRollupsSayWhatRowsSay(t *testing.T) {
	a := openTest(t, t.TempDir())
	xs := searchable(900)
	for i, x := range xs {
		x.Status = []int{200, 200, 404, 500, 0}[i%5]
		x.Duration, x.FirstByte = time.Duration(i*i)*time.Microsecond, time.Duration(i%3)*time.Millisecond
		if i < 300 {
			x.Path = fmt.Sprintf("/item/%d", i)
		}
	}
	for part := range slices.Chunk(xs, 120) {
		add(t, a, part...)
	}
	at := func(n int) time.Time { return xs[n].StartedAt }
	for name, f := range map[string]Filter{
		"all":          {},
		"service":      {Services: []string{"o*"}},
		"release":      {Release: "r2"},
		"nothing":      {Release: "r9"},
		"model, end":   {Model: "m1", End: EndComplete, Method: "post"},
		"time":         {Since: at(50), Until: at(777)},
		"an hour":      {Since: at(130).Add(time.Microsecond), Until: at(130).Add(time.Hour)},
		"failed":       {Failed: true},
		"5xx":          {StatusMin: 500, StatusMax: 599},
		"unanswered":   {Unanswered: true, Since: at(3)},
		"one path":     {PathGlob: "/item/7?"},
		"usual path":   {PathPrefix: "/pre", Until: at(600)},
		"source":       {Sources: []Source{SourceIngest}},
		"empty window": {Since: noon.AddDate(0, 1, 0)},
	} {
		for _, by := range []GroupBy{ByNothing, ByService, ByRelease, ByInstance, ByModel, ByMethod, ByPath, BySource, ByEnd, ByStatus, ByHour, ByDay} {
			got, err := a.Stats(t.Context(), f, by)
			ok(t, err)
			scan := f
			scan.MaxDuration = time.Hour // rollups do not know about durations of single records
			want, err := a.Stats(t.Context(), scan, by)
			ok(t, err)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s by %q:\n got %+v\nwant %+v", name, by, got, want)
			}
			var n int64
			for _, g := range got.Groups {
				n += g.Count
			}
			if by != ByNothing && n != got.Count {
				t.Errorf("%s by %q: groups have %d of %d", name, by, n, got.Count)
			}
		}
	}
	s, err := a.Stats(t.Context(), Filter{Services: []string{"ocr"}}, ByHour)
	ok(t, err)
	if s.Count != 450 || s.Failed != 270 || s.Groups[0].Key != "2026-11-21T12" || len(s.Days) != 2 || s.Days[0].Day != "2026-11-21" || s.ByStatus[404] != 90 {
		t.Errorf("got %+v", s)
	}
	if s, err = a.Stats(t.Context(), Filter{Where: expr(t, `$.result.label == "spam"`)}, ByModel); err != nil || s.Count != 300 {
		t.Errorf("by a condition on bodies: %d, %v", s.Count, err)
	}
	if _, err := a.Stats(t.Context(), Filter{}, "colour"); err == nil {
		t.Error("grouped by colour")
	}
}

// TestManyGroups: memory is bounded, and nothing is left out of the count.
func TestManyGroups(t *testing.T) {
	a := openTest(t, t.TempDir())
	xs := series(noon, maxGroups+500)
	for i, x := range xs {
		x.Path = fmt.Sprintf("/%d", i)
	}
	add(t, a, xs...)
	s, err := a.Stats(t.Context(), Filter{}, ByPath)
	ok(t, err)
	if s.Count != int64(len(xs)) || len(s.Groups) > maxGroups+1 || s.Groups[0].Key != OtherGroups || s.Groups[0].Count < 400 || len(s.Warnings) != 1 {
		t.Errorf("%d groups, the first %+v, warnings %q", len(s.Groups), s.Groups[0], s.Warnings)
	}
}
