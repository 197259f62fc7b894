package api

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"aictl/gateway"
	"aictl/store"
)

// Caches tells of the answers that the gateway keeps; *gateway.Gateway is one.
type Caches interface {
	CacheStats() map[string]gateway.CacheStats
	// ClearCache empties a service's cache; false: it has none.
	ClearCache(service string) bool
}

func (nothingCounted) CacheStats() map[string]gateway.CacheStats { return nil }
func (nothingCounted) ClearCache(string) bool                    { return false }

func (s *Server) listCaches(context.Context, *struct{}) (CacheList, error) {
	all := s.deps.Gateway.CacheStats()
	names := slices.Sorted(maps.Keys(all))
	return CacheList{SchemaVersion: SchemaVersion, Caches: each(names, func(name string) Cache { return renderCache(name, all[name]) })}, nil
}

func (s *Server) getCache(ctx context.Context, in *nameInput) (CacheDocument, error) {
	stats, err := s.cacheOf(ctx, in.Name)
	return CacheDocument{SchemaVersion: SchemaVersion, Cache: renderCache(in.Name, stats)}, err
}

func (s *Server) clearCache(ctx context.Context, in *nameInput) (CacheDocument, error) {
	if _, err := s.cacheOf(ctx, in.Name); err != nil {
		return CacheDocument{}, err
	}
	s.deps.Gateway.ClearCache(in.Name)
	s.log.Info("cache cleared", "service", in.Name, "actor", actor(ctx))
	return s.getCache(ctx, in)
}

func (s *Server) cacheOf(ctx context.Context, name string) (gateway.CacheStats, error) {
	stats, ok := s.deps.Gateway.CacheStats()[name]
	if ok {
		return stats, nil
	}
	if _, err := s.deps.History.Service(ctx, name); err != nil {
		return stats, fmt.Errorf("service %s: %w", name, err)
	}
	return stats, fmt.Errorf("cache of %s: %w: it has none; gateway.cache.ttl in its manifest gives it one", name, store.ErrNotFound)
}

// What a cache's size is advised to be.
const (
	CacheFew     = "few"     // too few requests to say
	CacheUseless = "useless" // hardly a request comes twice
	CacheLarger  = "larger"
	CacheSmaller = "smaller"
	CacheFits    = "fits"
)

const (
	fewLookups  = 200  // before which nothing is advised
	worthwhile  = 0.03 // of all lookups: what is gained or lost by another size
	hardlyTwice = 0.02
)

// adviceOn says what the counts mean for the size of a cache.
func adviceOn(s gateway.CacheStats) string {
	all := float64(s.Hits + s.Misses)
	switch {
	case all < fewLookups:
		return CacheFew
	case float64(s.Double)/all < hardlyTwice:
		return CacheUseless
	case float64(s.Double-s.Hits)/all >= worthwhile:
		return CacheLarger
	case s.Evicted > 0 && float64(s.Hits-s.Half)/all < worthwhile/3:
		return CacheSmaller
	}
	return CacheFits
}

func renderCache(name string, s gateway.CacheStats) Cache {
	c := Cache{
		Service: name, TTLSeconds: s.TTL.Seconds(), MaxBytes: s.MaxBytes, Bytes: s.Bytes, Entries: s.Entries, Hits: s.Hits, Joined: s.Joined, Misses: s.Misses,
		Expired: s.Expired, Stored: s.Stored, Evicted: s.Evicted, Cleared: s.Cleared, Bypassed: s.Bypassed, Advice: adviceOn(s),
	}
	if c.Bypassed == nil {
		c.Bypassed = map[string]int64{}
	}
	if all := float64(s.Hits + s.Misses); all > 0 {
		c.Ratio, c.RatioHalf, c.RatioDouble = float64(s.Hits)/all, float64(s.Half)/all, float64(s.Double)/all
	}
	return c
}
