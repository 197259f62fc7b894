package main

import (
	"testing"

	"aictl/api"
)

func TestCacheCommand(t *testing.T) {
	s := newServer(t)
	embed := api.Cache{Service: "embed", TTLSeconds: 600, MaxBytes: 64 << 20, Bytes: 60 << 20, Entries: 4000, Hits: 500, Joined: 3, Misses: 1500,
		Ratio: 0.25, RatioHalf: 0.1234, RatioDouble: 0.5, Advice: api.CacheLarger, Stored: 1400, Evicted: 30, Bypassed: map[string]int64{"vary": 3, "credentials": 9}}
	fresh := api.Cache{Service: "fresh", TTLSeconds: 60, MaxBytes: 1 << 20, Advice: api.CacheFew}
	s.answer("GET /api/v1/caches", api.CacheList{SchemaVersion: 1, Caches: []api.Cache{embed, fresh}})
	s.answer("GET /api/v1/services/embed/cache", api.CacheDocument{SchemaVersion: 1, Cache: embed})
	s.answer("POST /api/v1/services/embed/cache/clear", api.CacheDocument{SchemaVersion: 1, Cache: embed})
	s.run(t, "cache").want(t, exitOK, []string{"embed", "25 %", "12.3 %", "50 %", "would answer 50 % of the requests", "fresh", "too few requests"}, nil)
	s.run(t, "cache", "embed").want(t, exitOK, []string{"25 % of 2000 requests", "each is kept for 10m", "with half the size it would be 12.3 %", "credentials 9, vary 3", "3 requests waited"}, nil)
	s.run(t, "cache", "clear", "embed").want(t, exitOK, []string{"embed: its cache is empty"}, nil)
	s.run(t, "cache", "clear").want(t, exitUsage, nil, nil)
	none := newServer(t)
	none.answer("GET /api/v1/caches", api.CacheList{SchemaVersion: 1, Caches: []api.Cache{}})
	none.run(t, "cache").want(t, exitOK, nil, []string{"no service has a cache"})
	for advice, says := range map[string]string{api.CacheUseless: "of no use", api.CacheSmaller: "would do", api.CacheFits: "is right"} {
		embed.Advice = advice
		other := newServer(t)
		other.answer("GET /api/v1/services/embed/cache", api.CacheDocument{SchemaVersion: 1, Cache: embed})
		other.run(t, "cache", "embed").want(t, exitOK, []string{says}, nil)
	}
}
