package api

import (
	"testing"

	"aictl/gateway"
)

func TestAdviceOnACache(t *testing.T) {
	for want, s := range map[string]gateway.CacheStats{
		CacheFew:     {Hits: 100, Misses: 99, Double: 100},
		CacheUseless: {Hits: 10, Misses: 990, Double: 15},
		CacheLarger:  {Hits: 500, Misses: 500, Half: 300, Double: 530, Evicted: 9},
		CacheSmaller: {Hits: 500, Misses: 500, Half: 495, Double: 510, Evicted: 9},
		CacheFits:    {Hits: 500, Misses: 500, Half: 400, Double: 520, Evicted: 9},
	} {
		if got := adviceOn(s); got != want {
			t.Errorf("%+v: %s, want %s", s, got, want)
		}
	}
	if got := adviceOn(gateway.CacheStats{Hits: 500, Misses: 500, Half: 500, Double: 500}); got != CacheFits {
		t.Errorf("one that was never full: %s", got)
	}
}
