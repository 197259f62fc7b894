package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"aictl/configs"
	"aictl/store/records"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// grpcInstance serves test.Echo: Say answers once, Talk answers each message with one, Pour sends until nobody listens.
func grpcInstance(t *testing.T) (addr string) {
	t.Helper()
	s := grpc.NewServer()
	talk := func(_ any, stream grpc.ServerStream) error {
		for {
			var in wrapperspb.StringValue
			if err := stream.RecvMsg(&in); err != nil {
				if errors.Is(err, io.EOF) {
					stream.SetTrailer(metadata.Pairs("x-end", "talked"))
					return nil
				}
				return err
			}
			if err := stream.SendMsg(wrapperspb.String("re: " + in.Value)); err != nil {
				return err
			}
		}
	}
	pour := func(_ any, stream grpc.ServerStream) error {
		for {
			if err := stream.SendMsg(wrapperspb.String(strings.Repeat("x", 10_000))); err != nil {
				return err
			}
		}
	}
	say := func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var in wrapperspb.StringValue
		if err := decode(&in); err != nil {
			return nil, err
		}
		md, _ := metadata.FromIncomingContext(ctx)
		if in.Value == "fail" {
			return nil, status.Error(codes.FailedPrecondition, "no model: 模型")
		}
		return wrapperspb.String(in.Value + " " + strings.Join(md.Get("x-tenant"), ",")), grpc.SetHeader(ctx, metadata.Pairs("x-head", "1"))
	}
	s.RegisterService(&grpc.ServiceDesc{ServiceName: "test.Echo", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Say", Handler: say}},
		Streams: []grpc.StreamDesc{{StreamName: "Talk", Handler: talk, ServerStreams: true, ClientStreams: true}, {StreamName: "Pour", Handler: pour, ServerStreams: true}},
	}, struct{}{})
	healthpb.RegisterHealthServer(s, health.NewServer())
	ln := listen(t)
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

// grpcRig is a gateway with a gRPC service behind it and a client in front.
func grpcRig(t *testing.T, addrs ...string) (*rig, *grpc.ClientConn) {
	t.Helper()
	g := newRig(t, Options{})
	rt := Route{Service: "svc", Gateway: configs.Gateway{GRPCServices: []string{"test.Echo"}}}
	for i, addr := range addrs {
		rt.Targets = append(rt.Targets, Target{Instance: fmt.Sprintf("svc/%d", i+1), Release: "r1", Addr: addr})
	}
	g.set(t, rt)
	conn, err := grpc.NewClient(g.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return g, conn
}

func brief(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestGRPCCall(t *testing.T) {
	g, conn := grpcRig(t, grpcInstance(t))
	var out wrapperspb.StringValue
	var head, trail metadata.MD
	ctx := metadata.AppendToOutgoingContext(brief(t), "x-tenant", "a")
	if err := conn.Invoke(ctx, "/test.Echo/Say", wrapperspb.String("hello"), &out, grpc.Header(&head), grpc.Trailer(&trail)); err != nil || out.Value != "hello a" {
		t.Fatalf("%q, %v", out.Value, err)
	}
	x := g.rec.only(t)
	if fmt.Sprint(head.Get("x-head"), head.Get(HeaderInstance), head.Get(HeaderRecord)) != fmt.Sprint([]string{"1"}, []string{"svc/1"}, []string{x.ID}) {
		t.Errorf("header %v", head)
	}
	if x.End != records.EndComplete || x.Status != 200 || x.Method != "POST" || x.Path != "/test.Echo/Say" || x.Instance != "svc/1" || x.Service != "svc" {
		t.Errorf("%+v", x)
	}
	if x.Response.Trailer.Get("Grpc-Status") != "0" || x.Request.Header.Get("X-Tenant") != "a" || x.Request.Header.Get("X-Forwarded-Prefix") != "" {
		t.Errorf("recorded %v, %v", x.Response.Trailer, x.Request.Header)
	}
	if want := "\x00\x00\x00\x00\x07\n\x05hello"; string(x.Request.Body) != want || x.Response.Size != 14 {
		t.Errorf("recorded %q and %q", x.Request.Body, x.Response.Body)
	}
}

func TestGRPCErrorsPass(t *testing.T) {
	g, conn := grpcRig(t, grpcInstance(t))
	err := conn.Invoke(brief(t), "/test.Echo/Say", wrapperspb.String("fail"), new(wrapperspb.StringValue))
	if s := status.Convert(err); s.Code() != codes.FailedPrecondition || s.Message() != "no model: 模型" {
		t.Errorf("%v", err)
	}
	x := g.rec.only(t)
	if x.End != records.EndComplete || x.Response.Header.Get("Grpc-Status")+x.Response.Trailer.Get("Grpc-Status") != "9" {
		t.Errorf("recorded %s, %v, %v", x.End, x.Response.Header, x.Response.Trailer)
	}
}

// Each message is answered before the next is sent.
func TestGRPCStreamsBothWays(t *testing.T) {
	g, conn := grpcRig(t, grpcInstance(t))
	stream, err := conn.NewStream(brief(t), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/test.Echo/Talk")
	if err != nil {
		t.Fatal(err)
	}
	const messages = 20
	for i := range messages {
		var out wrapperspb.StringValue
		text := fmt.Sprint("message ", i)
		if err := errors.Join(stream.SendMsg(wrapperspb.String(text)), stream.RecvMsg(&out)); err != nil || out.Value != "re: "+text {
			t.Fatalf("%q, %v", out.Value, err)
		}
	}
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := stream.RecvMsg(new(wrapperspb.StringValue)); !errors.Is(err, io.EOF) || stream.Trailer().Get("x-end")[0] != "talked" {
		t.Errorf("%v, trailer %v", err, stream.Trailer())
	}
	x := g.rec.only(t)
	if x.End != records.EndComplete || len(x.Request.Chunks) != messages || len(x.Response.Chunks) != messages || x.Response.Trailer.Get("X-End") != "talked" {
		t.Errorf("recorded %s, %d and %d pieces, %v", x.End, len(x.Request.Chunks), len(x.Response.Chunks), x.Response.Trailer)
	}
}

// A client that does not read holds its instance back, and nobody's memory fills; when it goes away, the instance is told.
func TestGRPCFlowControl(t *testing.T) {
	g, conn := grpcRig(t, grpcInstance(t))
	ctx, cancel := context.WithCancel(brief(t))
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/test.Echo/Pour")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(stream.SendMsg(wrapperspb.String("")), stream.CloseSend(), stream.RecvMsg(new(wrapperspb.StringValue))); err != nil {
		t.Fatal(err)
	}
	// Another call on the same connections is not held up.
	if err := conn.Invoke(brief(t), "/test.Echo/Say", wrapperspb.String("x"), new(wrapperspb.StringValue)); err != nil {
		t.Fatal(err)
	}
	cancel()
	waitFor(t, "both calls to be recorded", func() bool { _, n := g.rec.counts(); return n == 2 })
	for _, x := range g.rec.ended {
		if x.Path == "/test.Echo/Pour" && (x.End != records.EndClientAbort || x.Response.Size == 0 || x.Response.Size > 16<<20) {
			t.Errorf("recorded %s after %d bytes", x.End, x.Response.Size)
		}
	}
	waitFor(t, "the instance to be left", func() bool { return g.InFlight("svc/1") == 0 })
}

// Services that no manifest names are reached by a header, and unknown ones are told as what they are to gRPC.
func TestGRPCRouting(t *testing.T) {
	g, conn := grpcRig(t, grpcInstance(t))
	health := healthpb.NewHealthClient(conn)
	if _, err := health.Check(brief(t), &healthpb.HealthCheckRequest{}); status.Code(err) != codes.Unimplemented {
		t.Errorf("without a service: %v", err)
	}
	ctx := metadata.AppendToOutgoingContext(brief(t), HeaderService, "svc")
	if res, err := health.Check(ctx, &healthpb.HealthCheckRequest{}); err != nil || res.Status != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("with its service: %v, %v", res, err)
	}
	g.set(t, Route{Service: "svc", Reason: "stopped", Gateway: configs.Gateway{GRPCServices: []string{"test.Echo"}}})
	if err := conn.Invoke(brief(t), "/test.Echo/Say", wrapperspb.String("x"), new(wrapperspb.StringValue)); status.Code(err) != codes.Unavailable {
		t.Errorf("stopped: %v", err)
	}
	g.RemoveRoute("svc")
	if err := conn.Invoke(brief(t), "/test.Echo/Say", wrapperspb.String("x"), new(wrapperspb.StringValue)); status.Code(err) != codes.Unimplemented {
		t.Errorf("removed: %v", err)
	}
}

// An instance that cannot be reached is passed over.
func TestGRPCIsSentToAnother(t *testing.T) {
	_, conn := grpcRig(t, refused(t), grpcInstance(t))
	for range 4 {
		if err := conn.Invoke(brief(t), "/test.Echo/Say", wrapperspb.String("x"), new(wrapperspb.StringValue)); err != nil {
			t.Error(err)
		}
	}
}

func TestCallsHaveOneOwner(t *testing.T) {
	var c calls
	steps := []struct {
		service string
		names   []string
		fault   bool
		a, b    string // owners then
	}{
		{"one", []string{"a"}, false, "one", ""},
		{"two", []string{"a", "b"}, true, "one", "two"},
		{"two", []string{"a", "b"}, false, "one", "two"}, // said once
		{"one", nil, false, "two", "two"},
		{"one", []string{"b"}, true, "two", "two"},
		{"two", []string{"a"}, false, "two", "one"},
		{"two", nil, false, "", "one"},
	}
	for i, s := range steps {
		err := c.set(s.service, s.names)
		a, _ := c.find("a")
		b, _ := c.find("b")
		if (err != nil) != s.fault || a != s.a || b != s.b {
			t.Errorf("step %d: a is %q's, b %q's, error %v", i, a, b, err)
		}
	}
}

// Over TLS the protocol is agreed on; the rest is the same.
func TestGRPCOverTLS(t *testing.T) {
	certified := httptest.NewTLSServer(http.NotFoundHandler())
	defer certified.Close()
	g := New(&collector{}, Options{Logger: slog.New(slog.DiscardHandler)})
	if err := g.SetRoute(Route{Service: "svc", Gateway: configs.Gateway{GRPCServices: []string{"test.Echo"}}, Targets: []Target{{Instance: "svc/1", Addr: grpcInstance(t)}}}); err != nil {
		t.Fatal(err)
	}
	ln := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- g.Serve(ctx, tls.NewListener(ln, &tls.Config{Certificates: certified.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}}))
	}()
	roots := x509.NewCertPool()
	roots.AddCert(certified.Certificate())
	conn, err := grpc.NewClient(ln.Addr().String(), grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: roots, ServerName: "example.com"})))
	if err != nil {
		t.Fatal(err)
	}
	var out wrapperspb.StringValue
	if err := conn.Invoke(brief(t), "/test.Echo/Say", wrapperspb.String("hello"), &out); err != nil || out.Value != "hello " {
		t.Errorf("%q, %v", out.Value, err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
