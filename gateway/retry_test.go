package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"aictl/configs"
	"aictl/store/records"
)

// An instance that dies is fatal to the request that it has, whatever it was doing, and to no other one. Only a request that it never got
// goes to another.
func TestInstanceDiesInEveryPhase(t *testing.T) {
	readHead := func(br *bufio.Reader) (*http.Request, error) { return http.ReadRequest(br) }
	for _, phase := range []struct {
		name   string
		serve  func(conn net.Conn, br *bufio.Reader) // nil: it does not listen
		status int
		from   string // the instance that is named in the answer
		end    records.End
		broken bool // the answer breaks off
	}{
		{"before the connection", nil, 200, "svc/2", records.EndComplete, false},
		{"before the request", func(net.Conn, *bufio.Reader) {}, 502, "svc/1", records.EndUpstreamError, false},
		{"after the request's head", func(_ net.Conn, br *bufio.Reader) {
			if _, err := readHead(br); err != nil {
				return
			}
		}, 502, "svc/1", records.EndUpstreamError, false},
		{"after the request", func(_ net.Conn, br *bufio.Reader) {
			if r, err := readHead(br); err == nil {
				io.Copy(io.Discard, r.Body)
			}
		}, 502, "svc/1", records.EndUpstreamError, false},
		{"after a 1xx answer", func(conn net.Conn, br *bufio.Reader) {
			if r, err := readHead(br); err == nil {
				io.Copy(io.Discard, r.Body)
				fmt.Fprint(conn, "HTTP/1.1 103 Early Hints\r\n\r\n")
			}
		}, 502, "svc/1", records.EndUpstreamError, false},
		{"in the answer's head", func(conn net.Conn, br *bufio.Reader) {
			if r, err := readHead(br); err == nil {
				io.Copy(io.Discard, r.Body)
				fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Le")
			}
		}, 502, "svc/1", records.EndUpstreamError, false},
		{"in the answer's body", func(conn net.Conn, br *bufio.Reader) {
			if r, err := readHead(br); err == nil {
				io.Copy(io.Discard, r.Body)
				fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
			}
		}, 200, "svc/1", records.EndUpstreamAbort, true},
		{"after the answer", func(conn net.Conn, br *bufio.Reader) {
			if r, err := readHead(br); err == nil {
				io.Copy(io.Discard, r.Body)
				fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
			}
		}, 200, "svc/1", records.EndComplete, false},
	} {
		for _, way := range []struct {
			name, method string
			body         func() io.Reader
		}{
			{"without a body", "GET", func() io.Reader { return nil }},
			{"with a short body", "POST", func() io.Reader { return strings.NewReader("hello") }},
			{"with a chunked body", "POST", func() io.Reader { return io.MultiReader(strings.NewReader("hello")) }},
			{"with a long body", "PUT", func() io.Reader { return strings.NewReader(strings.Repeat("x", 100<<10)) }},
		} {
			for _, limit := range []int{0, 1} {
				t.Run(fmt.Sprintf("%s/%s/limit %d", phase.name, way.name, limit), func(t *testing.T) {
					g := newRig(t, Options{})
					var first, second atomic.Int32
					dying := refused(t)
					if phase.serve != nil {
						dying = rawConns(t, func(conn net.Conn) {
							first.Add(1)
							phase.serve(conn, bufio.NewReader(conn))
						})
					}
					other := upstream(t, func(w http.ResponseWriter, r *http.Request) {
						second.Add(1)
						if _, err := io.Copy(io.Discard, r.Body); err != nil {
							t.Error(err)
						}
						fmt.Fprint(w, "hello")
					})
					g.limited(t, configs.Gateway{Concurrency: limit, Queue: 5, QueueTimeout: oneAtATime(5).QueueTimeout}, dying, other)
					req, err := http.NewRequest(way.method, g.url+"/ai/svc/", way.body())
					if err != nil {
						t.Fatal(err)
					}
					res, err := client(t).Do(req)
					if err != nil {
						t.Fatal(err)
					}
					body, err := io.ReadAll(res.Body)
					if res.StatusCode != phase.status || res.Header.Get(HeaderInstance) != phase.from || (err != nil) != phase.broken {
						t.Errorf("%s %q from %q, %v", res.Status, body, res.Header.Get(HeaderInstance), err)
					}
					if x := g.rec.only(t); x.End != phase.end {
						t.Errorf("recorded as %s: %s", x.End, x.Error)
					}
					wantSecond := int32(0)
					if phase.serve == nil {
						wantSecond = 1
					}
					if first.Load() > 1 || second.Load() != wantSecond {
						t.Errorf("asked %d and %d times", first.Load(), second.Load())
					}
					waitFor(t, "nothing to run", func() bool { return g.InFlight("svc/1")+g.InFlight("svc/2") == 0 })
				})
			}
		}
	}
}
