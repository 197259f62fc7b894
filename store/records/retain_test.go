package records

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// daysOf fills n days before noon's with records of services, of each as many as said.
func daysOf(t *testing.T, a *Archive, n int, services map[string]int) {
	t.Helper()
	for back := range n {
		at := noon.AddDate(0, 0, -back)
		var xs []*Exchange
		i := 0
		for _, service := range []string{"image", "ocr", "text"} {
			for range services[service] {
				x := exchange(at.Add(time.Duration(i)*time.Second), i)
				x.Service = service
				if service == "image" {
					x.Request = message(fmt.Append(noise(30<<10), service, back, i))
				}
				xs = append(xs, x)
				i++
			}
		}
		add(t, a, xs...)
	}
}

func left(t *testing.T, a *Archive, service string) string {
	t.Helper()
	page, err := a.List(t.Context(), Filter{Services: []string{service}, Limit: 10000})
	ok(t, err)
	perDay := map[string]int{}
	for _, x := range page.Records {
		perDay[x.StartedAt.Format("02")]++
	}
	return strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(perDay), "map["), "]")
}

func TestRetentionOfServices(t *testing.T) {
	const dayLong = 24 * time.Hour
	for name, tc := range map[string]struct {
		keep  time.Duration
		own   map[string]Retention
		image string
		ocr   string
		files int
	}{
		"for ever":          {0, nil, "18:20 19:20 20:20 21:20", "18:10 19:10 20:10 21:10", 4},
		"all alike":         {2 * dayLong, nil, "19:20 20:20 21:20", "19:10 20:10 21:10", 3},
		"one shorter":       {0, map[string]Retention{"image": {Age: dayLong}}, "20:20 21:20", "18:10 19:10 20:10 21:10", 4},
		"one longer":        {dayLong, map[string]Retention{"ocr": {Age: 2 * dayLong}}, "20:20 21:20", "19:10 20:10 21:10", 3},
		"rows":              {0, map[string]Retention{"image": {Rows: 45}}, "20:20 21:20", "18:10 19:10 20:10 21:10", 4},
		"bytes":             {0, map[string]Retention{"image": {Bytes: 1300 << 10}}, "20:20 21:20", "18:10 19:10 20:10 21:10", 4},
		"today stays":       {0, map[string]Retention{"image": {Rows: 1}, "ocr": {Bytes: 1}}, "21:20", "21:10", 1},
		"not there":         {0, map[string]Retention{"other": {Age: time.Hour}}, "18:20 19:20 20:20 21:20", "18:10 19:10 20:10 21:10", 4},
		"rows that suffice": {0, map[string]Retention{"image": {Rows: 80}}, "18:20 19:20 20:20 21:20", "18:10 19:10 20:10 21:10", 4},
	} {
		t.Run(name, func(t *testing.T) {
			a := openSealed(t, t.TempDir())
			daysOf(t, a, 4, map[string]int{"image": 20, "ocr": 10})
			_, err := a.Seal(t.Context(), later, false)
			ok(t, err)
			ok(t, a.Tidy())
			_, err = a.Retain(t.Context(), noon, tc.keep, tc.own)
			ok(t, err)
			if got := left(t, a, "image"); got != tc.image {
				t.Errorf("of image is left %s, want %s", got, tc.image)
			}
			if got := left(t, a, "ocr"); got != tc.ocr {
				t.Errorf("of ocr is left %s, want %s", got, tc.ocr)
			}
			if all, _, err := days(a.dir); err != nil || len(all) != tc.files {
				t.Errorf("%d day files, want %d (%v)", len(all), tc.files, err)
			}
			if v := verdict(t, a); !v.Sound {
				t.Errorf("verdict is %+v", v)
			}
			again, err := a.Retain(t.Context(), noon, tc.keep, tc.own)
			ok(t, err)
			if again.Records > 0 || len(again.Days) > 0 {
				t.Errorf("a second time %+v was removed", again)
			}
		})
	}
}

// TestRemovedServiceLeavesTheRest looks at what stays of a day from which a service was taken out.
func TestRemovedServiceLeavesTheRest(t *testing.T) {
	dir := t.TempDir()
	a := openSealed(t, dir)
	shared, alone := message(noise(100<<10)), message(noise(101<<10))
	gone, stays := exchange(noon, 1001), exchange(noon, 1002)
	gone.Service, gone.Request, gone.Response = "image", shared, alone
	stays.Request = shared
	add(t, a, gone, stays)
	daysOf(t, a, 1, map[string]int{"image": 600, "text": 100})
	_, err := a.Seal(t.Context(), later, false)
	ok(t, err)
	ok(t, a.Tidy())
	file := dayOf(noon).file(a.dir)
	before, err := os.Stat(file)
	ok(t, err)
	s, err := a.Retain(t.Context(), noon.AddDate(0, 0, 5), 0, map[string]Retention{"image": {Age: time.Hour}})
	ok(t, err)
	after, err := os.Stat(file)
	ok(t, err)
	if s.Records != 601 || s.Bodies != 1 || after.Size() > before.Size()/4 || s.Bytes < before.Size()/2 {
		t.Errorf("removed %+v; the file went from %d to %d bytes", s, before.Size(), after.Size())
	}
	_, err = a.Get(t.Context(), gone.ID)
	wantErr(t, err, ErrNotFound, "get a removed record")
	got, err := a.Get(t.Context(), stays.ID)
	ok(t, err)
	sameMessage(t, "a body that was shared", got.Request, shared)
	stats, err := a.Stats(t.Context(), Filter{}, ByNothing)
	ok(t, err)
	if stats.Count != 101 || len(stats.ByService) != 2 {
		t.Errorf("stats are %+v", stats)
	}
	batch, at, err := a.Follow(t.Context(), nil, 1000)
	ok(t, err)
	if len(batch) != 101 || slices.ContainsFunc(batch, func(x Exchange) bool { return x.Service == "image" }) || at["2026-11-21"] != 702 {
		t.Errorf("%d records are followed, to %v", len(batch), at)
	}
	if v := verdict(t, a); !v.Sound || v.Days[0].Removed != 601 || v.Days[0].Sealed != 702 {
		t.Errorf("verdict is %+v %v", v.Days[0], v.Days[0].Bad)
	}
	if files, err := filepath.Glob(filepath.Join(a.dir, "bodies", "*", "*")); err != nil || len(files) != 1 {
		t.Errorf("body files are %v", files)
	}
	add(t, a, exchange(noon.Add(time.Hour), 5000))
	if v := verdict(t, a); !v.Sound {
		t.Errorf("after going on the verdict is %v", v.Days[0].Bad)
	}
}
