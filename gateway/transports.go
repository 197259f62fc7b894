package gateway

import (
	"net/http"
	"time"

	"aictl/gateway/internal/h1"
)

// transports are the ways to an instance: net/http's for what streams up or changes protocol, and the pool for the rest; another of
// net/http's to those that speak HTTP/2.
type transports struct {
	*http.Transport
	pool *h1.Pool
	h2c  *http.Transport
}

func newTransports(o Options) *transports {
	slow := newTransport(o)
	return &transports{Transport: slow, h2c: newH2C(o), pool: h1.New(h1.Options{
		Dial:    slow.DialContext,
		Idle:    time.Second, // as in newTransport
		MaxIdle: slow.MaxIdleConnsPerHost,
		MaxHead: int(slow.MaxResponseHeaderBytes),
	})}
}

// CloseIdleConnections closes what is idle on all ways.
func (t *transports) CloseIdleConnections() {
	t.Transport.CloseIdleConnections()
	t.h2c.CloseIdleConnections()
	t.pool.CloseIdleConnections()
}
