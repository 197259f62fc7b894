package gateway

import (
	"net/http"
	"testing"
)

func TestTraffic(t *testing.T) {
	g := New(&collector{}, Options{})
	if err := g.SetRoute(Route{Service: "ocr", Reason: "stopped"}); err != nil {
		t.Fatal(err)
	}
	if got := g.Traffic()["ocr"]; got != (Traffic{}) {
		t.Errorf("at first %+v", got)
	}
	for _, tc := range []struct {
		status, errors int64
	}{{200, 0}, {404, 0}, {500, 1}, {503, 1}, {0, 1}} {
		before := g.Traffic()["ocr"]
		x := &exchange{Context: t.Context(), g: g, route: g.table.find("ocr"), status: int(tc.status)}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if err != nil {
			t.Fatal(err)
		}
		x.r = r
		x.count()
		after := g.Traffic()["ocr"]
		if after.Requests != before.Requests+1 || after.Errors != before.Errors+tc.errors {
			t.Errorf("status %d: %+v after %+v", tc.status, after, before)
		}
	}
	before := g.Traffic()["ocr"]
	if err := g.SetRoute(Route{Service: "ocr"}); err != nil { // another release
		t.Fatal(err)
	}
	if got := g.Traffic()["ocr"]; got != before {
		t.Errorf("counts went with the old route: %+v", got)
	}
	g.RemoveRoute("ocr")
	if got := len(g.Traffic()); got != 0 {
		t.Errorf("%d services are left", got)
	}
}
