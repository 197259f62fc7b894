package configs

// Most that a service's rules can ask for.
const (
	maxConcurrency = 100_000
	maxQueue       = 100_000
)

// Gateway says how the gateway treats a service's requests. A key left out means that nothing of its kind is done.
type Gateway struct {
	// Timeout is how long an instance may be silent: until its answer begins, and between two pieces of it. 0 is no limit.
	Timeout Duration `yaml:"timeout,omitempty" json:"timeout,omitempty"`
	// MaxBody is the most bytes of a request's body that are passed on. 0 is no limit.
	MaxBody Size `yaml:"max_body,omitempty" json:"max_body,omitempty"`
	// Concurrency is how many requests one instance is given at a time; 0 is no limit. Up to Queue requests wait for QueueTimeout at
	// most until an instance has room.
	Concurrency  int      `yaml:"concurrency,omitempty" json:"concurrency,omitempty"`
	Queue        int      `yaml:"queue" json:"queue"`
	QueueTimeout Duration `yaml:"queue_timeout" json:"queue_timeout"`
	// Rate is how many requests are let through, Keys whether they need an API key, CORS which pages may make them.
	Rate Rate   `yaml:"rate,omitempty" json:"rate,omitzero"`
	Keys string `yaml:"keys,omitempty" json:"keys,omitempty"`
	CORS CORS   `yaml:"cors,omitempty" json:"cors,omitzero"`
	// Protocol is what the instances speak, http1 or h2c; "" is http1, and h2c with GRPCServices.
	Protocol string `yaml:"protocol,omitempty" json:"protocol,omitempty"`
	// GRPCServices are the full names of gRPC services whose calls come here, though their paths do not begin with /ai/<service>.
	GRPCServices []string `yaml:"grpc_services,omitempty" json:"grpc_services,omitempty"`
	// Sticky says where the session is that a canary keeps on one side; "" is record.session.
	Sticky string `yaml:"sticky,omitempty" json:"sticky,omitempty"`
	// Shadow gets copies of the requests.
	Shadow Shadow `yaml:"shadow,omitempty" json:"shadow,omitzero"`
	// Cache keeps answers.
	Cache Cache `yaml:"cache,omitempty" json:"cache,omitzero"`
}

func (g Gateway) check(c *checker) {
	c.notNegative("gateway.timeout", g.Timeout)
	if g.MaxBody < 0 {
		c.fault("gateway.max_body", "%s is negative", g.MaxBody)
	}
	g.checkProtocol(c)
	c.between("gateway.concurrency", g.Concurrency, 0, maxConcurrency)
	c.between("gateway.queue", g.Queue, 0, maxQueue)
	c.positive("gateway.queue_timeout", g.QueueTimeout)
	g.Rate.check(c)
	if g.Rate.By == RateByKey && g.Keys == "" {
		c.fault("gateway.rate.by", "key needs API keys: write gateway.keys as well, required or optional")
	}
	if g.Keys != "" {
		oneOf(c, "gateway.keys", g.Keys, KeysRequired, KeysOptional)
	}
	g.CORS.check(c)
}

func (g Gateway) limits() []limit {
	return []limit{
		{"gateway.timeout", g.Timeout == 0},
		{"gateway.max_body", g.MaxBody == 0},
		{"gateway.concurrency", g.Concurrency == 0},
		{"gateway.cache.ttl", g.Cache.TTL == 0},
		{"gateway.cache.max_bytes", g.Cache.MaxBytes == 0},
		{"gateway.cache.max_answer", g.Cache.MaxAnswer == 0},
		{"gateway.shadow.percent", g.Shadow.Percent == 0},
	}
}
