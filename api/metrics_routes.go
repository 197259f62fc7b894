package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"aictl/gateway"
	"aictl/services"
)

var (
	descCanaryRequests = desc("canary_requests_total", "Requests of a service that has a canary, by side.", "service", "release", "side")
	descCanaryErrors   = desc("canary_errors_total", "Of these, answered with 500 or above, or not at all.", "service", "release", "side")
	descShadowSent     = desc("shadow_copies_total", "Copies of requests that were sent to a shadow and have ended.", "service")
	descShadowErrors   = desc("shadow_errors_total", "Of these, answered with 500 or above, or not at all.", "service")
	descShadowDropped  = desc("shadow_dropped_total", "Requests that were not copied, or copies not sent, by reason.", "service", "reason")
	descShadowWaiting  = desc("shadow_waiting", "Copies that have not ended.", "service")
	descCacheHits      = desc("cache_hits_total", "Requests answered from the gateway's cache.", "service")
	descCacheMisses    = desc("cache_misses_total", "Requests looked up in vain.", "service")
	descCacheEvicted   = desc("cache_evicted_total", "Answers that went for want of room.", "service")
	descCacheBytes     = desc("cache_bytes", "What the kept answers take.", "service")
	descCacheEntries   = desc("cache_entries", "Answers that are kept.", "service")
	descCacheBypassed  = desc("cache_bypassed_total", "Requests not looked up and answers not kept, by reason.", "service", "reason")
)

// collectRoutes tells of canaries, shadows and caches.
func collectRoutes(ch chan<- prometheus.Metric, g Counters, views []services.View) {
	for _, v := range views {
		name := v.Service.Name
		if s, ok := g.CanaryStats(name); ok {
			for side, n := range map[string]gateway.SideStats{"canary": s.Canary, "live": s.Live} {
				counter(ch, descCanaryRequests, n.Requests, name, s.Release, side)
				counter(ch, descCanaryErrors, n.Errors, name, s.Release, side)
			}
		}
	}
	for name, s := range g.ShadowStats() {
		counter(ch, descShadowSent, s.Sent, name)
		counter(ch, descShadowErrors, s.Errors, name)
		gauge(ch, descShadowWaiting, float64(s.Waiting), name)
		for reason, n := range s.Dropped {
			counter(ch, descShadowDropped, n, name, reason)
		}
	}
	for name, s := range g.CacheStats() {
		counter(ch, descCacheHits, s.Hits, name)
		counter(ch, descCacheMisses, s.Misses, name)
		counter(ch, descCacheEvicted, s.Evicted, name)
		gauge(ch, descCacheBytes, float64(s.Bytes), name)
		gauge(ch, descCacheEntries, float64(s.Entries), name)
		for reason, n := range s.Bypassed {
			counter(ch, descCacheBypassed, n, name, reason)
		}
	}
}
