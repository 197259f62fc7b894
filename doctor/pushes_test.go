package doctor

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestPushes(t *testing.T) {
	for _, c := range []struct {
		pushes Pushes
		err    error
		want   []Verdict
		says   string
	}{
		{want: []Verdict{OK}, says: "every repository"},
		{err: errors.New("gone"), want: []Verdict{Warn}, says: "gone"},
		{pushes: Pushes{Unreachable: []string{"a: down", "b: down"}}, want: []Verdict{Warn, Warn}, says: "b: down"},
		{pushes: Pushes{Refused: 3, Last: "forged"}, want: []Verdict{Warn}, says: "3, the last one because forged"},
	} {
		opts := options()
		opts.Pushes = func(context.Context) (Pushes, error) { return c.pushes, c.err }
		var got []Verdict
		last := ""
		for _, r := range Run(t.Context(), sound(), opts) {
			if r.Check == "pushes" {
				got, last = append(got, r.Verdict), r.Detail.String()
			}
		}
		if len(got) != len(c.want) || got[0] != c.want[0] || !strings.Contains(last, c.says) {
			t.Errorf("%+v, %v: %v %q", c.pushes, c.err, got, last)
		}
	}
	opts := options()
	opts.Daemon = func(context.Context) (string, error) { return "", errGone }
	opts.Pushes = func(context.Context) (Pushes, error) { panic("asked") }
	Run(t.Context(), sound(), opts)
}
