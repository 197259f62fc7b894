package compare

import (
	"math"
	"math/rand/v2"
	"slices"
)

// binomialTail is P(X ≥ k) for X ~ Binomial(n, p).
func binomialTail(k, n int, p float64) float64 {
	switch {
	case k <= 0:
		return 1
	case k > n || p <= 0:
		return 0
	case p >= 1:
		return 1
	}
	sum := 0.0
	for i := k; i <= n; i++ {
		term := math.Exp(logChoose(n, i) + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
		sum += term
		if term < sum*1e-12 && float64(i) > float64(n)*p {
			break
		}
	}
	return min(1, sum)
}

func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// moreOften is the one-sided exact McNemar test (McNemar 1947; exact form: binomial of the discordant pairs with
// p = ½): the probability that of first+second records in which exactly one of two things happened, at least first
// are those of the first thing, if neither is the likelier one.
func moreOften(first, second int) float64 { return binomialTail(first, first+second, 0.5) }

// Quantiles of Latency, and how its intervals are made.
const (
	bootstraps = 2000
	maxSamples = 4000
	confidence = 0.95
)

// Interval is an estimate with its 95 % confidence interval.
type Interval struct {
	Estimate float64 `json:"estimate"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
}

// ratio is the ratio of the q-quantiles of b and a, whose i-th entries belong to the same request, with the percentile
// interval of a bootstrap over requests (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13). The
// seed is fixed: the same samples give the same interval.
func ratio(a, b []float64, q float64) Interval {
	rankA, rankB := ranked(a), ranked(b)
	n := len(a)
	k := quantileIndex(n, q)
	out := Interval{Estimate: quotient(rankB.sorted[k], rankA.sorted[k])}
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	ratios := make([]float64, bootstraps)
	drawn := make([]int, n)
	for i := range ratios {
		clear(drawn)
		for range n {
			drawn[rng.IntN(n)]++
		}
		ratios[i] = quotient(rankB.at(drawn, k), rankA.at(drawn, k))
	}
	slices.Sort(ratios)
	tail := (1 - confidence) / 2
	out.Low, out.High = ratios[int(tail*bootstraps)], ratios[int((1-tail)*bootstraps)-1]
	return out
}

// quotient keeps a ratio of times finite; below a microsecond nothing is known.
func quotient(x, y float64) float64 { return max(x, 1e-3) / max(y, 1e-3) }

// quantileIndex is the index of the q-quantile among n sorted values: the smallest that has q of them at or below.
func quantileIndex(n int, q float64) int {
	return min(n-1, max(0, int(math.Ceil(q*float64(n)))-1))
}

// ranking is a sample in sorted order with where each value came from.
type ranking struct {
	sorted []float64
	origin []int
}

func ranked(sample []float64) ranking {
	r := ranking{origin: make([]int, len(sample)), sorted: make([]float64, len(sample))}
	for i := range r.origin {
		r.origin[i] = i
	}
	slices.SortStableFunc(r.origin, func(i, j int) int {
		switch {
		case sample[i] < sample[j]:
			return -1
		case sample[i] > sample[j]:
			return 1
		}
		return 0
	})
	for i, from := range r.origin {
		r.sorted[i] = sample[from]
	}
	return r
}

// at is the k-th smallest value of a resample, given how often each value was drawn.
func (r ranking) at(drawn []int, k int) float64 {
	seen := 0
	for i, from := range r.origin {
		if seen += drawn[from]; seen > k {
			return r.sorted[i]
		}
	}
	return r.sorted[len(r.sorted)-1]
}
