package records

import (
	"fmt"
	"testing"
	"time"
)

// followAll takes batches until there is none, over a reopened archive each time.
func followAll(t *testing.T, dir string, at Position, limit int) (got []string, next Position) {
	t.Helper()
	for {
		a := openTest(t, dir)
		batch, next, err := a.Follow(t.Context(), at, limit)
		ok(t, err)
		ok(t, a.Close())
		if len(batch) > limit {
			t.Fatalf("a batch of %d, more than %d", len(batch), limit)
		}
		if at = next; len(batch) == 0 {
			return got, at
		}
		got = append(got, ids(batch)...)
	}
}

func TestFollowSeesEveryCommitOnceInOrder(t *testing.T) {
	dir := t.TempDir()
	a := openTest(t, dir)
	var want []string
	for n := range 40 { // commits of every size, which blocks join
		xs := series(noon.Add(time.Duration(n)*time.Minute), 1+n*5%23)
		for i := range xs { // ids do not say the order of commits
			x := exchange(xs[i].StartedAt, i)
			xs[len(xs)-1-i] = x
		}
		add(t, a, xs...)
		for _, x := range xs {
			want = append(want, x.ID)
		}
	}
	add(t, a, exchange(noon.AddDate(0, 0, 1), 1))
	want = append(want, idOf(noon.AddDate(0, 0, 1), 1))
	ok(t, a.Close())
	got, at := followAll(t, dir, nil, 37)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("followed %d records, want %d in the order of their commits", len(got), len(want))
	}
	a = openTest(t, dir)
	late := exchange(noon.Add(-time.Hour), 5)
	late.Request.Body = []byte("late")
	add(t, a, late) // of yesterday
	batch, at, err := a.Follow(t.Context(), at, 10)
	ok(t, err)
	if len(batch) != 1 || batch[0].ID != late.ID || string(batch[0].Request.Body) != "late" {
		t.Errorf("a late record came as %v", batch)
	}
	_, err = a.Sweep(t.Context(), noon.AddDate(0, 0, 1))
	ok(t, err)
	batch, at, err = a.Follow(t.Context(), at, 10)
	ok(t, err)
	if _, left := at["2026-11-21"]; left || len(batch) > 0 || len(at) != 1 {
		t.Errorf("after the day was removed the position is %v, and %d records came", at, len(batch))
	}
	add(t, a, late)
	if batch, _, err = a.Follow(t.Context(), at, 10); err != nil || len(batch) != 1 {
		t.Errorf("of the day begun anew came %d records, %v", len(batch), err)
	}
}

func TestFollowGoesPastDamage(t *testing.T) {
	a := openTest(t, t.TempDir())
	for i := range 3 {
		add(t, a, series(noon.Add(time.Duration(i)*time.Hour), 200)...)
	}
	ok(t, a.writers[0].conn.Exec(`UPDATE blocks SET data = zeroblob(300) WHERE first = 201`))
	batch, at, err := a.Follow(t.Context(), nil, 1000)
	ok(t, err)
	if len(batch) != 400 || at["2026-11-21"] != 600 {
		t.Errorf("%d records came, position %v", len(batch), at)
	}
}
