package health

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
)

// GRPCPath is the path of gRPC's own health check. A policy that names it has that called, in HTTP/2, in place of a GET.
const GRPCPath = "/grpc.health.v1.Health/Check"

// serving is the status of a healthy server, in grpc.health.v1.
const serving = 1

// checkGRPC asks for the health of the server as a whole, and returns "" when it serves.
func checkGRPC(ctx context.Context, addr string, p Policy) string {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	var conn sole
	defer conn.end()
	tr := &http.Transport{Protocols: new(http.Protocols), DialContext: conn.dial, DisableCompression: true, MaxResponseHeaderBytes: maxBody}
	tr.Protocols.SetUnencryptedHTTP2(true)
	// An empty message: not compressed, of no bytes. It names no service, which means all of them.
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+GRPCPath, bytes.NewReader(make([]byte, 5)))
	if err != nil {
		return fmt.Sprintf("gRPC health check: %v", err)
	}
	req.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}, "User-Agent": {"aictl-health"}}
	res, err := tr.RoundTrip(req)
	if err != nil {
		return explainGRPC(err, addr, p)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if err != nil {
		return explainGRPC(err, addr, p)
	}
	return readingGRPC(res, body)
}

// sole are the connections of one check, of which there is one. Left to the transport, one that is made just after the check has run out of time
// would stay open for ever.
type sole struct {
	mu    sync.Mutex
	conns []net.Conn // more than one when the transport tries again
	ended bool
}

func (s *sole) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, errors.Join(net.ErrClosed, conn.Close())
	}
	s.conns = append(s.conns, conn)
	return conn, nil
}

// end closes them, also one that is still being made.
func (s *sole) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	for _, conn := range s.conns {
		conn.Close() // nothing is sent any more
	}
}

// readingGRPC judges an answer: its status in HTTP and in gRPC, then what it says.
func readingGRPC(res *http.Response, body []byte) string {
	if res.StatusCode != http.StatusOK {
		return fmt.Sprintf("gRPC health check answered HTTP status %d%s", res.StatusCode, excerpt(body))
	}
	status, message := res.Trailer.Get("Grpc-Status"), res.Trailer.Get("Grpc-Message")
	if status == "" { // an answer without a message has its trailers in its head
		status, message = res.Header.Get("Grpc-Status"), res.Header.Get("Grpc-Message")
	}
	switch status {
	case "0":
	case "12":
		return "gRPC health check: the server does not have grpc.health.v1.Health; add it, or write health: none"
	default:
		return fmt.Sprintf("gRPC health check answered grpc-status %q%s", status, excerpt([]byte(message)))
	}
	if got := servingStatus(body); got != serving {
		return fmt.Sprintf("gRPC health check answered %s", map[int]string{0: "UNKNOWN", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN", -1: "something that is not its message"}[got])
	}
	return ""
}

// servingStatus reads the one field of a HealthCheckResponse, a number in one byte, behind the five bytes before a message; -1 when it is none.
func servingStatus(body []byte) int {
	if len(body) < 5 || body[0] != 0 {
		return -1
	}
	switch message := body[5:]; {
	case len(message) == 0:
		return 0
	case len(message) == 2 && message[0] == 1<<3 && message[1] <= 3:
		return int(message[1])
	}
	return -1
}

func explainGRPC(err error, addr string, p Policy) string {
	var ne net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens on " + addr
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &ne) && ne.Timeout():
		return fmt.Sprintf("gRPC health check gave no answer within %s", p.Timeout)
	}
	return fmt.Sprintf("gRPC health check: %v; does the server speak HTTP/2 without TLS?", err)
}
