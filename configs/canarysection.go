package configs

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Most that a canary can be asked for.
const (
	maxCanarySteps    = 20
	maxCanaryRequests = 1_000_000
	maxCanaryTime     = Duration(7 * 24 * time.Hour)
)

// What happens to a canary that got too few requests to be judged.
const (
	TooFewRollback = "rollback"
	TooFewPromote  = "promote"
)

// Canary says how a deploy with `strategy: canary` goes from its first requests to all of them. A zero field is its default; see Filled.
type Canary struct {
	// Steps are percentages of the requests, each above the one before; after the last the release becomes live.
	Steps []float64 `yaml:"steps,omitempty" json:"steps,omitempty"`
	// Every is how long a step takes at least, Wait at most: it is longer than Every only for want of requests.
	Every Duration `yaml:"every,omitempty" json:"every,omitempty"`
	Wait  Duration `yaml:"wait,omitempty" json:"wait,omitempty"`
	// MaxErrorRate is how much higher the canary's share of failed requests may be than the live release's.
	MaxErrorRate Share `yaml:"max_error_rate,omitempty" json:"max_error_rate,omitempty"`
	// MaxLatency is how many times the live release's 95th percentile the canary's may be.
	MaxLatency Times `yaml:"max_latency,omitempty" json:"max_latency,omitempty"`
	// MinRequests is how many requests of the canary tell something about a step.
	MinRequests int `yaml:"min_requests,omitempty" json:"min_requests,omitempty"`
	// TooFew is what happens when Wait is over before there were so many: TooFewRollback or TooFewPromote.
	TooFew string `yaml:"too_few,omitempty" json:"too_few,omitempty"`
}

// Filled is the section with the defaults in place of zero fields.
func (s Canary) Filled() Canary {
	if len(s.Steps) == 0 {
		s.Steps = []float64{5, 25, 50}
	}
	for _, f := range []struct {
		d    *Duration
		auto time.Duration
	}{{&s.Every, 2 * time.Minute}, {&s.Wait, 30 * time.Minute}} {
		if *f.d == 0 {
			*f.d = Duration(f.auto)
		}
	}
	s.Wait = max(s.Wait, s.Every)
	if s.MaxErrorRate == 0 {
		s.MaxErrorRate = 0.01
	}
	if s.MaxLatency == 0 {
		s.MaxLatency = 1.5
	}
	if s.MinRequests == 0 {
		s.MinRequests = 100
	}
	if s.TooFew == "" {
		s.TooFew = TooFewRollback
	}
	return s
}

// strayCanary finds a section that the strategy makes no use of.
func (m *Manifest) strayCanary(lines map[string]int) []Fault {
	if _, given := lines["canary"]; !given || m.Strategy == CanaryDeploy {
		return nil
	}
	return []Fault{{Path: "canary", Msg: fmt.Sprintf("is for strategy: canary, and the strategy is %s", m.Strategy)}}
}

func (s Canary) check(c *checker) {
	if len(s.Steps) > maxCanarySteps {
		c.fault("canary.steps", "has more than %d steps", maxCanarySteps)
	}
	last := 0.0
	for i, step := range s.Steps {
		at := fmt.Sprintf("canary.steps[%d]", i)
		switch {
		case !(step > 0 && step <= 100):
			c.fault(at, "%v is not above 0 and up to 100 percent", step)
		case step <= last:
			c.fault(at, "%v is not above the step before it (%v): a canary gets more requests with every step", step, last)
		}
		last = step
	}
	for _, f := range []struct {
		key string
		d   Duration
	}{{"canary.every", s.Every}, {"canary.wait", s.Wait}} {
		if f.d < 0 || f.d > maxCanaryTime {
			c.fault(f.key, "%s is not between 0s and %s", f.d, maxCanaryTime)
		}
	}
	if s.Every > 0 && s.Wait > 0 && s.Wait < s.Every {
		c.fault("canary.wait", "%s is less than canary.every (%s)", s.Wait, s.Every)
	}
	if s.MaxErrorRate < 0 || s.MaxErrorRate > 1 {
		c.fault("canary.max_error_rate", "%s is no share: use 1%% or 0.01", s.MaxErrorRate)
	}
	if s.MaxLatency != 0 && !(s.MaxLatency >= 1 && s.MaxLatency <= 1000) {
		c.fault("canary.max_latency", "%s is not between 1x and 1000x of the live release's latency", s.MaxLatency)
	}
	if s.MinRequests != 0 {
		c.between("canary.min_requests", s.MinRequests, 1, maxCanaryRequests)
	}
	oneOf(c, "canary.too_few", s.TooFew, "", TooFewRollback, TooFewPromote)
}

// Times is a factor that reads "1.5x" or 1.5 and writes "1.5x".
type Times float64

// String is the factor with its x.
func (f Times) String() string { return strconv.FormatFloat(float64(f), 'f', -1, 64) + "x" }

// MarshalText writes the text form.
func (f Times) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// MarshalYAML writes the text form.
func (f Times) MarshalYAML() (any, error) { return f.String(), nil }

// UnmarshalText reads a factor with or without its x.
func (f *Times) UnmarshalText(text []byte) error {
	word := string(text)
	if n := len(word); n > 0 && (word[n-1] == 'x' || word[n-1] == 'X') {
		word = word[:n-1]
	}
	v, err := strconv.ParseFloat(word, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Errorf("%q is not a factor (write 1.5x)", clip(string(text)))
	}
	*f = Times(v)
	return nil
}
