package health

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// maxBody is how many bytes of a health answer are read.
const maxBody = 64 << 10

var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4096) }}

// Check makes one GET to http://addr<path>, or calls gRPC's health check when that is the path. It opens a connection of its own and closes it: a kept one would
// block a server that handles one connection at a time.
func Check(ctx context.Context, addr string, p Policy) Result {
	start := time.Now()
	detail := check(ctx, addr, p)
	return Result{OK: detail == "", Detail: detail, Took: time.Since(start)}
}

func check(ctx context.Context, addr string, p Policy) string {
	if p.Path == GRPCPath {
		return checkGRPC(ctx, addr, p)
	}
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return explain(err, addr, p)
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return explain(err, addr, p)
		}
	}
	if _, err := io.WriteString(conn, request(addr, p.Path)); err != nil {
		return explain(err, addr, p)
	}
	br := readers.Get().(*bufio.Reader)
	br.Reset(conn)
	defer func() { br.Reset(nil); readers.Put(br) }()
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		return explain(err, addr, p)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return explain(err, addr, p)
	}
	return reading(resp.StatusCode, body, p)
}

func request(addr, path string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: " + addr + "\r\nUser-Agent: aictl-health\r\nAccept: application/json, */*\r\nConnection: close\r\n\r\n"
}

// reading judges an answer: its HTTP status, and its "status" member when it is a JSON object that has one.
func reading(code int, body []byte, p Policy) string {
	if code < 200 || code > 299 {
		return fmt.Sprintf("GET %s answered %d%s", p.Path, code, excerpt(body))
	}
	body = bytes.TrimSpace(body)
	if len(body) == 0 || body[0] != '{' {
		return ""
	}
	var doc struct {
		Status any `json:"status"`
	}
	if json.Unmarshal(body, &doc) != nil || !bad(doc.Status) {
		return ""
	}
	return fmt.Sprintf("GET %s answered %d with status %q", p.Path, code, fmt.Sprint(doc.Status))
}

// bad tells the status words that mean "not now". An unknown word does not overrule a 2xx answer.
func bad(status any) bool {
	switch s := status.(type) {
	case bool:
		return !s
	case string:
		switch strings.ToLower(strings.TrimSpace(s)) {
		case "fail", "failed", "failing", "error", "err", "down", "unhealthy", "unavailable", "starting", "loading",
			"initializing", "not_ready", "not ready", "notready", "stopping", "not_serving", "out_of_service", "false":
			return true
		}
	}
	return false
}

func explain(err error, addr string, p Policy) string {
	var ne net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens on " + addr
	case errors.As(err, &ne) && ne.Timeout():
		return fmt.Sprintf("GET %s gave no answer within %s", p.Path, p.Timeout)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Sprintf("GET %s: the connection was closed without an answer", p.Path)
	}
	return fmt.Sprintf("GET %s: %v", p.Path, err)
}

// excerpt is the beginning of a body on one line, for an error message.
func excerpt(body []byte) string {
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "?")), " ")
	if s == "" {
		return ""
	}
	if r := []rune(s); len(r) > 160 {
		s = string(r[:160]) + "…"
	}
	return ": " + s
}
