package api

import (
	"context"
	"fmt"
	"time"

	"aictl/gateway"
	"aictl/services"
	"aictl/store"
)

var trialBegan = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

func (b *backend) SetCanary(_ context.Context, name string, w services.CanaryWish) (services.CanaryView, error) {
	header := "-"
	weight := 10.0
	if w.HeaderName != nil {
		header = *w.HeaderName + "=" + w.HeaderValue
	}
	if w.Weight != nil {
		weight = *w.Weight
	}
	v := services.CanaryView{Canary: store.Canary{Service: name, Release: w.Release, Weight: weight, StartedAt: trialBegan}, Live: "r1", Ready: 1, Instances: []string{name + "/2"}}
	if w.HeaderName != nil {
		v.HeaderName, v.HeaderValue = *w.HeaderName, w.HeaderValue
	}
	if weight == 0 && w.HeaderName == nil {
		return v, fmt.Errorf("canary of %s: %w", name, services.ErrBadTrial)
	}
	return v, b.note(fmt.Sprintf("canary %s %s %v %s %d %s", name, w.Release, weight, header, w.Replicas, w.Actor))
}

func (b *backend) Canary(_ context.Context, name string) (services.CanaryView, error) {
	if name != "ocr" {
		return services.CanaryView{}, fmt.Errorf("canary of %s: %w", name, services.ErrNoTrial)
	}
	return services.CanaryView{Canary: store.Canary{Service: name, Release: "r2", Weight: 10, StartedAt: trialBegan}, Live: "r1"}, nil
}

func (b *backend) StopCanary(_ context.Context, name string) error {
	return b.note("stop canary " + name)
}

func (b *backend) SetShadow(_ context.Context, name string, w services.ShadowWish) (services.ShadowView, error) {
	v := services.ShadowView{Shadow: store.Shadow{Service: name, Target: w.To, Percent: 100, StartedAt: trialBegan}}
	if w.To == "loop" {
		return v, fmt.Errorf("shadow of %s: %w", name, services.ErrNotTriable)
	}
	return v, b.note("shadow " + name + " " + w.To)
}

func (b *backend) Shadow(_ context.Context, name string) (services.ShadowView, error) {
	if name != "ocr" {
		return services.ShadowView{}, fmt.Errorf("shadow of %s: %w", name, services.ErrNoTrial)
	}
	return services.ShadowView{Shadow: store.Shadow{Service: name, Target: "next", Percent: 50}, Manifest: true}, nil
}

func (b *backend) StopShadow(_ context.Context, name string) error {
	return b.note("stop shadow " + name)
}

// counters are what a gateway has counted.
type counters struct{}

func (counters) CanaryStats(service string) (gateway.CanaryStats, bool) {
	return gateway.CanaryStats{Release: "r2", Canary: gateway.SideStats{Requests: 7, Errors: 1, P95: 1500 * time.Microsecond}, Live: gateway.SideStats{Requests: 63}}, service == "ocr"
}

func (counters) ShadowStats() map[string]gateway.ShadowStats {
	return map[string]gateway.ShadowStats{"ocr": {Service: "next", Sent: 5, Errors: 2, Dropped: map[string]int64{"queue_full": 3}}}
}

// trialRoutes are the calls about canaries and shadows.
var trialRoutes = []string{
	"GET /api/v1/services/{name}/canary", "POST /api/v1/services/{name}/canary", "POST /api/v1/services/{name}/canary/promote", "POST /api/v1/services/{name}/canary/stop",
	"GET /api/v1/caches", "GET /api/v1/services/{name}/cache", "POST /api/v1/services/{name}/cache/clear",
	"GET /api/v1/services/{name}/shadow", "POST /api/v1/services/{name}/shadow", "POST /api/v1/services/{name}/shadow/stop",
}

func (counters) CacheStats() map[string]gateway.CacheStats {
	return map[string]gateway.CacheStats{"ocr": {Hits: 500, Misses: 500, Half: 300, Double: 900, Entries: 3, Bytes: 9000, MaxBytes: 10000, Evicted: 7, Bypassed: map[string]int64{"status": 2}}}
}

func (counters) ClearCache(service string) bool { return service == "ocr" }
