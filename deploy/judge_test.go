package deploy

import (
	"strings"
	"testing"
	"time"

	"aictl/configs"
)

func TestJudge(t *testing.T) {
	rules := configs.Canary{Every: configs.Duration(time.Minute), Wait: configs.Duration(10 * time.Minute), MinRequests: 100, MaxErrorRate: 0.01, MaxLatency: 1.5}.Filled()
	promote := rules
	promote.TooFew = configs.TooFewPromote
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		rules        configs.Canary
		elapsed      time.Duration
		live, canary Side
		want         verdict
		reason       string
	}{
		"just begun":                         {rules, 0, Side{}, Side{}, stay, ""},
		"enough, but not yet over":           {rules, 30 * time.Second, Side{1000, 1, 20 * ms}, Side{200, 0, 20 * ms}, stay, ""},
		"as good":                            {rules, time.Minute, Side{1000, 1, 20 * ms}, Side{200, 0, 21 * ms}, proceed, ""},
		"better":                             {rules, time.Minute, Side{1000, 100, 500 * ms}, Side{200, 0, 2 * ms}, proceed, ""},
		"exactly as many errors as allowed":  {rules, time.Minute, Side{1000, 0, 20 * ms}, Side{100, 1, 20 * ms}, proceed, ""},
		"more errors, at once":               {rules, time.Second, Side{1000, 0, 20 * ms}, Side{100, 2, 20 * ms}, back, "2 % of its 100 requests failed, of the live release's 1000 0 %; 1% more are allowed"},
		"more errors, too few to tell":       {rules, time.Second, Side{1000, 0, 20 * ms}, Side{99, 50, 20 * ms}, stay, ""},
		"errors that the live one has, too":  {rules, time.Minute, Side{1000, 500, 20 * ms}, Side{200, 100, 20 * ms}, proceed, ""},
		"slower":                             {rules, time.Second, Side{1000, 0, 100 * ms}, Side{100, 0, 151 * ms}, back, "within 151ms, by the live release within 100ms; 1.5x is allowed"},
		"slower by what nobody minds":        {rules, time.Minute, Side{1000, 0, 1 * ms}, Side{100, 0, 9 * ms}, proceed, ""},
		"slower than a live one nobody asks": {rules, time.Minute, Side{19, 0, 1 * ms}, Side{100, 0, 900 * ms}, proceed, ""},
		"live one gets nothing any more":     {rules, time.Minute, Side{}, Side{100, 2, 900 * ms}, back, "2 %"},
		"few, wait":                          {rules, 5 * time.Minute, Side{10, 0, ms}, Side{1, 0, ms}, stay, ""},
		"few for good":                       {rules, 10 * time.Minute, Side{10, 0, ms}, Side{1, 0, ms}, back, "it got 1 requests in 10m, of at least 100"},
		"few, promoted":                      {promote, 10 * time.Minute, Side{10, 0, ms}, Side{1, 0, ms}, proceed, "it got 1 requests"},
		"few, and one of them failed":        {promote, 10 * time.Minute, Side{10, 0, ms}, Side{3, 1, ms}, back, "33.33 %"},
		"none, promoted":                     {promote, 10 * time.Minute, Side{}, Side{}, proceed, "it got 0 requests"},
	} {
		t.Run(name, func(t *testing.T) {
			got, reason := judge(c.rules, c.elapsed, c.live, c.canary)
			if got != c.want || !strings.Contains(reason, c.reason) || c.reason == "" && reason != "" {
				t.Errorf("got %d %q, want %d %q", got, reason, c.want, c.reason)
			}
		})
	}
}

func TestNextWeight(t *testing.T) {
	steps := []float64{5, 25, 50}
	for weight, want := range map[float64]float64{0: 5, 5: 25, 24: 25, 25: 50, 50: 0, 80: 0} {
		if next, ok := nextWeight(steps, weight); next != want || ok != (want > 0) {
			t.Errorf("after %v: %v, %v", weight, next, ok)
		}
	}
	for _, c := range []struct {
		most     float64
		replicas int
		want     int
	}{{50, 1, 1}, {50, 4, 2}, {50, 5, 3}, {100, 3, 3}, {5, 3, 1}, {1, 0, 0}} {
		if got := trialCandidates([]float64{1, c.most}, c.replicas); got != c.want {
			t.Errorf("%v %% of %d: %d", c.most, c.replicas, got)
		}
	}
}
