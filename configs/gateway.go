package configs

// Gateway says how the gateway treats a service's requests. A key left out means that nothing of its kind is done.
type Gateway struct {
	// Timeout is how long an instance may be silent: until its answer begins, and between two pieces of it. 0 is no limit.
	Timeout Duration `yaml:"timeout,omitempty" json:"timeout,omitempty"`
	// MaxBody is the most bytes of a request's body that are passed on. 0 is no limit.
	MaxBody Size `yaml:"max_body,omitempty" json:"max_body,omitempty"`
}

func (g Gateway) check(c *checker) {
	c.notNegative("gateway.timeout", g.Timeout)
	if g.MaxBody < 0 {
		c.fault("gateway.max_body", "%s is negative", g.MaxBody)
	}
}

func (g Gateway) limits() []limit {
	return []limit{
		{"gateway.timeout", g.Timeout == 0},
		{"gateway.max_body", g.MaxBody == 0},
	}
}
