package replay

import (
	"context"
	"fmt"
	"net/url"

	"aictl/replay/compare"
	"aictl/store/records"
)

// Verification asks whether a release that is to become live answers recorded requests as the live one did. With Ask
// the live release is asked again, twice, instead of taking the recorded answers.
type Verification struct {
	Service string
	Release string   // the live one
	Addrs   []string // of the candidate's instances
	Last    int      // the newest so many recorded requests that can be sent
	Methods []string // only these; none is any
	Path    string   // glob over paths; "" is any
	Ask     bool
	Compare compare.Options
	MaxDiff float64
}

// lookedAt is how many records are looked at for each that is wanted.
const lookedAt = 20

// Verify compares a candidate that runs already with the live release. Nothing to compare is ErrNothing.
func (e *Engine) Verify(ctx context.Context, v Verification, tell func(Progress)) (Report, error) {
	if v.Last < 1 || len(v.Addrs) == 0 {
		return Report{}, fmt.Errorf("%w: %d requests to %d instances", ErrOptions, v.Last, len(v.Addrs))
	}
	req := DiffRequest{
		Common:   Common{Filter: records.Filter{Services: []string{v.Service}, PathGlob: v.Path, Limit: v.Last}, Methods: v.Methods},
		Baseline: Recorded, Candidate: v.Service, Compare: v.Compare, MaxDiff: v.MaxDiff, most: lookedAt*v.Last + 1000,
	}
	d := differ{engine: e, tell: tell, cand: e.at(v.Service, v.Service, v.Addrs, nothingToStop)}
	if v.Ask {
		id, live, err := e.Fleet.Find(ctx, v.Service, v.Release)
		if err != nil {
			return Report{}, err
		}
		if len(live) == 0 {
			return Report{}, fmt.Errorf("%w: %s runs no instance of its live release %s to ask", ErrTarget, v.Service, id)
		}
		d.base = e.at(v.Service+"@"+id, v.Service, live, nothingToStop)
		req.Baseline = d.base.Name
	} else {
		req.Filter.Release = v.Release // an older release's answers say nothing of the live one's
	}
	if err := req.check(); err != nil {
		return Report{}, err
	}
	d.req = req
	return d.run(ctx)
}

// hostURL is the address of host:port.
func hostURL(addr string) *url.URL { return &url.URL{Scheme: "http", Host: addr} }
