package deploy

import (
	"fmt"
	"strconv"
	"time"

	"aictl/configs"
)

// Side is what came of the requests that one side of a canary got. P95 is 0 without requests.
type Side struct {
	Requests, Errors int64
	P95              time.Duration
}

func (s Side) errorRate() float64 {
	if s.Requests == 0 {
		return 0
	}
	return float64(s.Errors) / float64(s.Requests)
}

const (
	// latencyFew is how many requests each side must have had for their times to be compared.
	latencyFew = 20
	// latencySlack is a difference of times that nobody minds, however many times as long the one is as the other.
	latencySlack = 10 * time.Millisecond
)

// verdict is what to do with a canary.
type verdict int

const (
	stay    verdict = iota // the step goes on
	proceed                // the next step, or the promotion after the last
	back                   // the canary is taken back
)

// judge decides about a step of a canary by what came of the requests since it began. reason says why it is taken back, or what
// is remarkable about going on.
func judge(rules configs.Canary, elapsed time.Duration, live, canary Side) (v verdict, reason string) {
	enough := canary.Requests >= int64(rules.MinRequests)
	if enough {
		if why := worse(rules, live, canary); why != "" {
			return back, why
		}
	}
	switch {
	case elapsed < time.Duration(rules.Every):
		return stay, ""
	case enough:
		return proceed, ""
	case elapsed < time.Duration(rules.Wait):
		return stay, ""
	}
	few := fmt.Sprintf("it got %d requests in %s, of at least %d", canary.Requests, rules.Wait, rules.MinRequests)
	if rules.TooFew != configs.TooFewPromote {
		return back, few
	}
	if why := worse(rules, live, canary); why != "" {
		return back, why
	}
	return proceed, few
}

// worse says in what the canary is worse than the live release, by more than the rules allow.
func worse(rules configs.Canary, live, canary Side) string {
	if canary.errorRate() > live.errorRate()+float64(rules.MaxErrorRate) {
		return fmt.Sprintf("%s of its %d requests failed, of the live release's %d %s; %s more are allowed",
			percent(canary.errorRate()), canary.Requests, live.Requests, percent(live.errorRate()), rules.MaxErrorRate)
	}
	if min(live.Requests, canary.Requests) < latencyFew {
		return ""
	}
	if limit := time.Duration(float64(live.P95) * float64(rules.MaxLatency)); canary.P95 > limit && canary.P95-live.P95 > latencySlack {
		return fmt.Sprintf("95 of 100 requests are answered within %s, by the live release within %s; %s is allowed",
			shortTime(canary.P95), shortTime(live.P95), rules.MaxLatency)
	}
	return ""
}

func percent(share float64) string {
	return strconv.FormatFloat(float64(int64(share*10000+0.5))/100, 'f', -1, 64) + " %"
}

func shortTime(d time.Duration) time.Duration {
	if d < 10*time.Millisecond {
		return d.Round(10 * time.Microsecond)
	}
	return d.Round(time.Millisecond)
}

// nextWeight is the first step above a weight; ok is false after the last.
func nextWeight(steps []float64, weight float64) (next float64, ok bool) {
	for _, step := range steps {
		if step > weight {
			return step, true
		}
	}
	return 0, false
}
