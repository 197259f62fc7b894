package health

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	grpchealth "google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

var grpcPolicy = Policy{Path: GRPCPath, Timeout: 30 * time.Second}

func grpcServer(t *testing.T, s *grpc.Server) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ln) }()
	t.Cleanup(func() {
		s.Stop()
		if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	return ln.Addr().String()
}

func TestGRPCHealth(t *testing.T) {
	s, h := grpc.NewServer(), grpchealth.NewServer()
	healthpb.RegisterHealthServer(s, h)
	addr := grpcServer(t, s)
	if r := Check(t.Context(), addr, grpcPolicy); !r.OK {
		t.Errorf("serving: %+v", r)
	}
	for status, want := range map[healthpb.HealthCheckResponse_ServingStatus]string{healthpb.HealthCheckResponse_NOT_SERVING: "NOT_SERVING", healthpb.HealthCheckResponse_UNKNOWN: "UNKNOWN"} {
		h.SetServingStatus("", status)
		if r := Check(t.Context(), addr, grpcPolicy); r.OK || !strings.HasSuffix(r.Detail, " "+want) {
			t.Errorf("%s: %+v", want, r)
		}
	}
	if r := Check(t.Context(), grpcServer(t, grpc.NewServer()), grpcPolicy); r.OK || !strings.Contains(r.Detail, "health: none") {
		t.Errorf("without the service: %+v", r)
	}
	if r := Check(t.Context(), "127.0.0.1:1", grpcPolicy); r.OK || !strings.Contains(r.Detail, "nothing listens") {
		t.Errorf("nobody there: %+v", r)
	}
}

// What is no gRPC server is told so, and one that does not answer costs no more than its time.
func TestGRPCHealthOfOthers(t *testing.T) {
	serve := func(f func(conn net.Conn)) string {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			f(conn)
		}()
		t.Cleanup(func() { ln.Close(); <-done })
		return ln.Addr().String()
	}
	r := Check(t.Context(), serve(func(conn net.Conn) { fmt.Fprint(conn, "HTTP/1.1 400 Bad Request\r\n\r\n") }), grpcPolicy)
	if r.OK || !strings.Contains(r.Detail, "HTTP/2") {
		t.Errorf("HTTP/1.1: %+v", r)
	}
	silent := grpcPolicy
	silent.Timeout = 20 * time.Millisecond
	r = Check(t.Context(), serve(func(conn net.Conn) {
		if _, err := io.Copy(io.Discard, conn); err != nil {
			return
		}
	}), silent)
	if r.OK || !strings.Contains(r.Detail, "no answer within 20ms") {
		t.Errorf("silent: %+v", r)
	}
}

func TestReadingGRPC(t *testing.T) {
	answer := func(status int, code string) *http.Response {
		return &http.Response{StatusCode: status, Header: http.Header{}, Trailer: http.Header{"Grpc-Status": {code}}}
	}
	for _, tt := range []struct {
		res  *http.Response
		body string
		want string // "" is healthy
	}{
		{answer(200, "0"), "\x00\x00\x00\x00\x02\x08\x01", ""},
		{answer(200, "0"), "\x00\x00\x00\x00\x02\x08\x03", "SERVICE_UNKNOWN"},
		{answer(200, "0"), "\x00\x00\x00\x00\x00", "UNKNOWN"},
		{answer(200, "0"), "\x01\x00\x00\x00\x02\x08\x01", "not its message"},
		{answer(200, "0"), "", "not its message"},
		{answer(200, "0"), "\x00\x00\x00\x00\x02\x08\x09", "not its message"},
		{answer(200, ""), "\x00\x00\x00\x00\x02\x08\x01", `grpc-status ""`},
		{answer(200, "14"), "", `grpc-status "14"`},
		{answer(503, ""), "busy", "HTTP status 503"},
	} {
		if got := readingGRPC(tt.res, []byte(tt.body)); (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%q: %q, want %q", tt.body, got, tt.want)
		}
	}
}
