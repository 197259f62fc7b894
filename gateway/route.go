// Package gateway puts every service behind one address: it routes, proxies and captures.
package gateway

import "aictl/configs"

// Route is how /ai/<Service>/… is served. With no Targets the answer is 503 with Reason, or 404 when Never is set.
type Route struct {
	Service string
	Targets []Target
	Reason  string // why nothing can serve: "stopped", "starting: waiting for /health", …
	Never   bool   // no instance will ever serve: the answer is 404
	Coming  bool   // an instance will soon serve: who waits in the queue may go on waiting
	Record  configs.Record
	Gateway configs.Gateway
	Canary  *Canary // nil: all requests go to Targets
	Shadow  *Shadow // nil: no copies
}

// Target is one healthy instance.
type Target struct {
	Instance string // "ocr/1"
	Release  string
	Addr     string // "127.0.0.1:8001"
}
