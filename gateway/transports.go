package gateway

import (
	"net/http"
	"time"

	"aictl/gateway/internal/h1"
)

// transports are the two ways to an instance: net/http's for what streams up or changes protocol, and the pool for the rest.
type transports struct {
	*http.Transport
	pool *h1.Pool
}

func newTransports(o Options) *transports {
	slow := newTransport(o)
	return &transports{Transport: slow, pool: h1.New(h1.Options{
		Dial:    slow.DialContext,
		Idle:    time.Second, // as in newTransport
		MaxIdle: slow.MaxIdleConnsPerHost,
		MaxHead: int(slow.MaxResponseHeaderBytes),
	})}
}

// CloseIdleConnections closes what is idle on both ways.
func (t *transports) CloseIdleConnections() {
	t.Transport.CloseIdleConnections()
	t.pool.CloseIdleConnections()
}
