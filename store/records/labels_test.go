package records

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func ptr[T any](v T) *T { return &v }

func TestLabels(t *testing.T) {
	a := openTest(t, t.TempDir())
	xs := append(series(noon, 5), series(noon.AddDate(0, 0, -3), 2)...)
	add(t, a, xs...)
	at := noon.Add(time.Hour)
	set := func(n int, e LabelEdit) {
		t.Helper()
		e.At = at
		count, err := a.SetLabel(t.Context(), []string{xs[n].ID}, e)
		if ok(t, err); count != 1 {
			t.Fatalf("%d records labelled", count)
		}
	}
	spam := json.RawMessage(` "spam" `)
	set(0, LabelEdit{Name: "main", Truth: &spam, By: "ann"})
	set(0, LabelEdit{Name: "main", Thumb: ptr("down"), Note: ptr("clearly"), By: "bob"})
	set(1, LabelEdit{Name: "main", Thumb: ptr("up"), By: "ann"})
	set(1, LabelEdit{Name: "second", Truth: ptr(json.RawMessage(`{"a": [1, 2]}`)), By: "bob"})
	set(6, LabelEdit{Name: "main", Thumb: ptr("up")})

	current, history, err := a.Labels(t.Context(), xs[0].ID)
	ok(t, err)
	want := Label{Name: "main", Truth: json.RawMessage(`"spam"`), Thumb: "down", Note: "clearly", By: "bob", At: at}
	if len(current) != 1 || fmt.Sprint(current[0]) != fmt.Sprint(want) || len(history) != 2 || history[0].By != "ann" || history[0].Thumb != "" {
		t.Errorf("got %v, %v", current, history)
	}
	for filter, want := range map[string]string{
		"any": "016", "none": "2345", "main": "016", "second": "1", "third": "", "thumb=up": "16", "thumb=down": "0", "note": "0",
		"truth": "01", `truth="spam"`: "0", "truth=spam": "0", `truth={"a":[1,2]}`: "1", "by=bob": "01", "main:by=ann": "1",
		"second:thumb=up": "", "second:none": "023456", "main:any": "016", `main:truth={"a":[1,2]}`: "",
	} {
		l, err := ParseLabelFilter(filter)
		ok(t, err)
		page, err := a.List(t.Context(), Filter{Labels: []LabelFilter{l}, OldestFirst: true})
		ok(t, err)
		got := ""
		for i, x := range xs {
			for _, found := range page.Records {
				if found.ID == x.ID {
					got += fmt.Sprint(i)
				}
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", filter, got, want)
		}
	}
	ok(t, a.RemoveLabel(t.Context(), xs[0].ID, "main", "cid", at.Add(time.Minute)))
	current, history, err = a.Labels(t.Context(), xs[0].ID)
	if ok(t, err); len(current) != 0 || len(history) != 3 || !history[2].Removed || history[2].By != "cid" {
		t.Errorf("after removing: %v, %v", current, history)
	}
	if err := a.RemoveLabel(t.Context(), xs[0].ID, "main", "cid", at); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := a.SetLabel(t.Context(), []string{idOf(noon, 999)}, LabelEdit{Name: "main", Thumb: ptr("up")}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a record that is not there: %v", err)
	}
	if add(t, a, series(noon.Add(time.Second), 3)...); !strings.Contains(fmt.Sprint(a.List(t.Context(), Filter{})), xs[0].ID) {
		t.Error("records and labels do not live side by side")
	}
}

func TestLabelsAreChecked(t *testing.T) {
	a := openTest(t, t.TempDir())
	for name, e := range map[string]LabelEdit{
		"name":        {Name: "a b", Thumb: ptr("up")},
		"empty":       {Thumb: ptr("up")},
		"reserved":    {Name: "none", Thumb: ptr("up")},
		"nothing":     {Name: "main"},
		"thumb":       {Name: "main", Thumb: ptr("sideways")},
		"no json":     {Name: "main", Truth: ptr(json.RawMessage(`spam`))},
		"long note":   {Name: "main", Note: ptr(strings.Repeat("x", MaxLabelNote+1))},
		"large truth": {Name: "main", Truth: ptr(json.RawMessage(`"` + strings.Repeat("x", MaxLabelTruth) + `"`))},
	} {
		if _, err := a.SetLabel(t.Context(), nil, e); !errors.Is(err, ErrBadLabel) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"", "thumb", "thumb=sideways", "a b", "none=1", "by", "by=", "x:", "x:y", ":any", "truth=", "main:thumb"} {
		if l, err := ParseLabelFilter(text); !errors.Is(err, ErrBadLabel) {
			t.Errorf("%q was taken as %+v, %v", text, l, err)
		}
	}
}

// TestLabelsGoWithTheirDay: retention takes a day's labels, too.
func TestLabelsGoWithTheirDay(t *testing.T) {
	a := openTest(t, t.TempDir())
	x := exchange(noon, 1)
	add(t, a, x)
	_, err := a.SetLabel(t.Context(), []string{x.ID}, LabelEdit{Name: "main", Thumb: ptr("up")})
	ok(t, err)
	_, err = a.Sweep(t.Context(), noon.AddDate(0, 0, 1))
	ok(t, err)
	if _, _, err := a.Labels(t.Context(), x.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("labels of a day that is gone: %v", err)
	}
}
