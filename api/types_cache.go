package api

// CacheList is the document of `GET /api/v1/caches`.
type CacheList struct {
	SchemaVersion int     `json:"schemaVersion" enum:"1"`
	Caches        []Cache `json:"caches" doc:"By service; only of those that have one"`
}

// CacheDocument answers the calls about one service's cache.
type CacheDocument struct {
	SchemaVersion int   `json:"schemaVersion" enum:"1"`
	Cache         Cache `json:"cache"`
}

// Cache is what the gateway keeps of a service's answers, and what came of it since the daemon started.
type Cache struct {
	Service     string           `json:"service"`
	TTLSeconds  float64          `json:"ttl_seconds"`
	MaxBytes    int64            `json:"max_bytes"`
	Bytes       int64            `json:"bytes"`
	Entries     int              `json:"entries"`
	Hits        int64            `json:"hits"`
	Joined      int64            `json:"joined" doc:"Of the hits: requests that waited for the answer to an equal one (gateway.cache.single_flight)"`
	Misses      int64            `json:"misses"`
	Ratio       float64          `json:"hit_ratio" doc:"Hits of hits and misses, 0 to 1"`
	RatioHalf   float64          `json:"hit_ratio_half" doc:"What it would be with half of max_bytes"`
	RatioDouble float64          `json:"hit_ratio_double" doc:"What it would be with twice max_bytes"`
	Advice      string           `json:"advice" enum:"few,useless,larger,smaller,fits" doc:"What these say about max_bytes: too few requests to say; hardly a request comes twice; worth more; half would do; right"`
	Expired     int64            `json:"expired" doc:"Misses whose answer was kept for too long"`
	Stored      int64            `json:"stored"`
	Evicted     int64            `json:"evicted" doc:"Answers that went for want of room"`
	Cleared     int64            `json:"cleared" doc:"Answers that went with their release, or by hand"`
	Bypassed    map[string]int64 `json:"bypassed" doc:"Requests that were not looked up and answers that were not kept, by reason"`
}
