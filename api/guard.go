package api

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"
)

const (
	maxBody      = 1 << 20          // bytes of a request
	bodyTimeout  = 15 * time.Second // for a request's body to arrive
	writeTimeout = 30 * time.Second // for a peer to take one write
)

// open are the addresses that need no token: what monitors and generators ask for, and nothing of it is secret.
var open = map[string]bool{"/healthz": true, Prefix + "/openapi.json": true}

// guard is around everything: it marks a call in flight, sets the security headers, bounds writes, and turns a panic
// into a problem document.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.calls.RLock()
		defer s.calls.RUnlock()
		out := &bounded{ResponseWriter: w, ctl: http.NewResponseController(w)}
		out.extend()
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		defer s.recover(out, r)
		next.ServeHTTP(out, r)
	})
}

func (s *Server) recover(w *bounded, r *http.Request) {
	fault := recover()
	if fault == nil {
		return
	}
	if fault == http.ErrAbortHandler {
		panic(fault)
	}
	p := s.panicked("request panicked", fault, "method", r.Method, "path", r.URL.Path)
	if w.wrote {
		panic(http.ErrAbortHandler) // the answer has begun: only cutting it off tells the client
	}
	s.refuse(w, p)
}

// panicked logs a panic and returns what the caller is told about it.
func (s *Server) panicked(message string, fault any, where ...any) *Error {
	id := newID()
	s.log.Error(message, append(where, "id", id, "panic", fault, "stack", string(debug.Stack()))...)
	p := problem(http.StatusInternalServerError, CodeInternal,
		"a fault in aictl; the daemon's log has it under id "+id+": please report it")
	p.Instance = id
	return p
}

// authorize lets callers with the token pass. Only hashes are compared, in constant time.
func (s *Server) authorize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if open[r.URL.Path] {
			next.ServeHTTP(w, r)
			return
		}
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		git := s.deps.Git != nil && strings.HasPrefix(r.URL.Path, "/git/")
		if _, password, ok := r.BasicAuth(); ok && git {
			scheme, token = "Bearer", password
		}
		sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
		if strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(sum[:], s.token[:]) == 1 {
			next.ServeHTTP(w, r)
			return
		}
		detail := "the token is wrong"
		if r.Header.Get("Authorization") == "" {
			detail = "a token is needed"
		}
		w.Header().Set("WWW-Authenticate", `Bearer realm="aictl"`)
		if git { // the git program asks its user only when it is told so
			w.Header().Set("WWW-Authenticate", `Basic realm="aictl"`)
		}
		if r.ContentLength != 0 { // a stranger's body is not waited for
			w.Header().Set("Connection", "close")
			s.deadline(http.NewResponseController(w).SetReadDeadline(time.Now()))
		}
		s.refuse(w, problem(http.StatusUnauthorized, CodeUnauthorized, detail+
			": send `Authorization: Bearer TOKEN` (aictl: --token or AICTL_TOKEN); the token is in api.token in the daemon's data directory"))
	})
}

// limitBody reads a request's body whole, in bounded space and time, before anything is done about it. The deadline is
// gone when the handler runs, which may take as long as a service needs to stop.
func (s *Server) limitBody(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.ContentLength == 0 || streamed[r.Method+" "+r.URL.Path] {
			next.ServeHTTP(w, r)
			return
		}
		ctl := http.NewResponseController(w)
		s.deadline(ctl.SetReadDeadline(time.Now().Add(bodyTimeout)))
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		s.deadline(ctl.SetReadDeadline(time.Time{}))
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			w.Header().Set("Connection", "close")
			s.refuse(w, problem(http.StatusRequestEntityTooLarge, CodeTooLarge, "a request's body may have 1 MiB: send less"))
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			w.Header().Set("Connection", "close")
			s.refuse(w, problem(http.StatusRequestTimeout, CodeTimeout, "the body did not arrive in "+bodyTimeout.String()+": send it faster"))
			return
		case err != nil:
			w.Header().Set("Connection", "close")
			s.refuse(w, problem(http.StatusBadRequest, CodeInvalid, "the body broke off: "+err.Error()))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// mount hands what lies below prefix to h, which reads bodies by itself, and the rest to next.
func (s *Server) mount(prefix string, h, next http.Handler) http.Handler {
	if h == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, prefix) {
			next.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// deadline logs a connection that takes no deadlines; recorders of tests are such.
func (s *Server) deadline(err error) {
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		s.log.Debug("cannot set a deadline", "error", err)
	}
}

// refuse answers with a problem document.
func (s *Server) refuse(w http.ResponseWriter, p *Error) {
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	if err := json.NewEncoder(w).Encode(p); err != nil {
		s.log.Debug("answer was not taken", "error", err)
	}
}

func noRoute(r *http.Request) *Error {
	return problem(http.StatusNotFound, CodeNoRoute, "there is no "+r.URL.Path+": see "+Prefix+"/openapi.json for what there is")
}

func wrongMethod(r *http.Request) *Error {
	return problem(http.StatusMethodNotAllowed, CodeMethodNotAllowed,
		r.URL.Path+" does not take "+r.Method+": see "+Prefix+"/openapi.json for what it takes")
}

// newID names one failure in the answer and in the log.
func newID() string { return uuid.NewString()[:8] }

// bounded gives every write writeTimeout, so that a peer that stops reading holds nothing for long.
type bounded struct {
	http.ResponseWriter
	ctl   *http.ResponseController
	wrote bool
}

func (b *bounded) extend() {
	if err := b.ctl.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		slog.Debug("cannot set a write deadline", "error", err)
	}
}

func (b *bounded) WriteHeader(status int) {
	b.wrote = true
	b.extend()
	b.ResponseWriter.WriteHeader(status)
}

func (b *bounded) Write(p []byte) (int, error) {
	b.wrote = true
	b.extend()
	return b.ResponseWriter.Write(p)
}

// Flush sends what is buffered; the router asks for it by this name.
func (b *bounded) Flush() {
	b.wrote = true
	b.extend()
	if err := b.ctl.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		slog.Debug("flush failed", "error", err)
	}
}

// Unwrap lets http.ResponseController reach the connection.
func (b *bounded) Unwrap() http.ResponseWriter { return b.ResponseWriter }
