package configs

import (
	"fmt"
	"strings"
)

// The protocols in which an instance can be spoken to.
const (
	ProtocolHTTP1 = "http1"
	ProtocolH2C   = "h2c" // HTTP/2 without TLS, known beforehand
)

// HTTP2 reports whether the instances are spoken to in HTTP/2: when that is said, and for gRPC, which knows nothing else.
func (g Gateway) HTTP2() bool {
	return g.Protocol == ProtocolH2C || g.Protocol == "" && len(g.GRPCServices) > 0
}

func (g Gateway) checkProtocol(c *checker) {
	if g.Protocol != "" {
		oneOf(c, "gateway.protocol", g.Protocol, ProtocolHTTP1, ProtocolH2C)
	}
	if g.Protocol == ProtocolHTTP1 && len(g.GRPCServices) > 0 {
		c.fault("gateway.protocol", "gRPC needs HTTP/2: leave the key out, or write h2c")
	}
	seen := map[string]bool{}
	for i, name := range g.GRPCServices {
		path := fmt.Sprintf("gateway.grpc_services[%d]", i)
		switch {
		case !grpcName(name):
			c.fault(path, "%q is not the full name of a gRPC service: write package.Service, as in the .proto file", clip(name))
		case seen[name]:
			c.fault(path, "%s is there twice", name)
		}
		seen[name] = true
	}
}

// grpcName reports whether name is identifiers joined by dots.
func grpcName(name string) bool {
	for part := range strings.SplitSeq(name, ".") {
		if part == "" || part[0] >= '0' && part[0] <= '9' || strings.ContainsFunc(part, func(r rune) bool {
			return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
		}) {
			return false
		}
	}
	return true
}
