package gateway

import (
	"net/http"
	"testing"

	"aictl/store/records"
)

// TestReplayedRequestsAreToldApart: a request that a replay sent again is recorded as such.
func TestReplayedRequestsAreToldApart(t *testing.T) {
	for run, want := range map[string]records.Source{"": records.SourceGateway, "run7": records.SourceReplay} {
		r := newRig(t, Options{})
		r.route(t, upstream(t, func(http.ResponseWriter, *http.Request) {}))
		req, err := http.NewRequest(http.MethodGet, r.url+"/ai/svc/x", nil)
		if err != nil {
			t.Fatal(err)
		}
		if run != "" {
			req.Header.Set("x-aictl-replay", run)
		}
		res, err := client(t).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		readAll(t, res)
		if got := r.rec.only(t).Source; got != want {
			t.Errorf("replay %q: recorded as %q", run, got)
		}
	}
}
