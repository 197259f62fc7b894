package compare

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

func TestTellsTime(t *testing.T) {
	at := time.Date(2026, 11, 21, 10, 30, 40, 123456789, time.UTC)
	zone := time.FixedZone("", 8*3600)
	for _, c := range []struct {
		value any
		want  bool
	}{
		{json.Number("1795257040"), true}, {json.Number("1795257040.123"), true}, {json.Number("1795257040123"), true}, {json.Number("1795257040123456789"), true},
		{json.Number("1795256000"), false}, {json.Number("40"), false}, {json.Number("-1795257040"), false}, {json.Number("1e400"), false}, {json.Number("1795257040123456789000"), false},
		{at.Format(time.RFC3339Nano), true}, {at.In(zone).Format(time.RFC3339), true}, {at.Add(time.Hour).Format(time.RFC3339), false},
		{"2026-11-21 10:30:41", true}, {"2026-11-21 18:30:39.5", true}, {"2026-11-21T16:15:40", true}, {"2026/11/21 10:31:40", true}, {"2026-11-21 10:37:40", false},
		{"2026-11-22 18:30:40", false}, {at.Format(time.RFC1123), true}, {at.Format(time.ANSIC), true}, {"20261121183040", true}, {"2026-11-21", true}, {"2026-11-19", false},
		{"not a time at all", false}, {"", false}, {true, false}, {nil, false},
	} {
		if got := tellsTime(c.value, at); got != c.want {
			t.Errorf("%v: %t", c.value, got)
		}
	}
}

// A time of whole seconds is the same in two answers one after the other, and another one in what was recorded
// yesterday: no change.
func TestRecordedTimesAreNoChange(t *testing.T) {
	var list []Sample
	yesterday, now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC), time.Date(2026, 11, 21, 10, 30, 40, 0, time.UTC)
	for k := range 20 {
		answer := func(at time.Time, due int) Answer {
			body := fmt.Sprintf(`{"at":%q,"epoch":%d,"day":%q,"due":%q,"n":%d}`, at.Format(time.DateTime), at.Unix(), at.Format(time.DateOnly), yesterday.AddDate(0, 0, due).Format(time.DateOnly), k)
			return Answer{Status: 200, Body: []byte(body), Size: int64(len(body)), At: at}
		}
		then, replayed := yesterday.Add(time.Duration(k)*time.Minute), now.Add(time.Duration(k)*time.Second)
		b := answer(replayed, 31)
		list = append(list, Sample{ID: fmt.Sprint(k), Base: answer(then, 30), Candidate: b, Twice: [2]Answer{b, b}})
	}
	out, err := Judge(Options{}, each(list))
	if err != nil || len(out.Fields) != 1 || out.Fields[0].Path != "$.due" {
		t.Fatalf("changed %+v, %v", out.Fields, err)
	}
}
