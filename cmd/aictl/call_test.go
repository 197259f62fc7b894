package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aictl/api"
)

// callServer is a daemon and its gateway in one, with the service echo.
func callServer(t *testing.T, handler http.HandlerFunc) *server {
	s := newServer(t)
	s.answer("GET /api/v1/services/echo", api.ServiceDocument{Service: api.Service{Name: "echo", URL: s.URL + "/ai/echo"}})
	s.mux.HandleFunc("/ai/echo/", handler)
	return s
}

func reply(status int, kind, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("X-Aictl-Record", "0193f0c2-7a4e-7c55-b1f5-2c8d0f7c9a31")
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func TestCall(t *testing.T) {
	s := callServer(t, reply(200, "application/json", `{"output":[1,2]}`))
	if got := s.run(t, "call", "echo", "-d", `{"input_data":["好"]}`); got.out != `{"output":[1,2]}` || got.err != "" || got.code != exitOK {
		t.Errorf("%+v", got)
	}
	s.sawRequest(t, `POST /ai/echo/predict {"input_data":["好"]}`)
	s.runTTY(t, 80, "call", "echo", "-d", "1", "-v").want(t, exitOK, []string{"{\n  \"output\": [\n    1,\n"}, []string{"HTTP 200 OK", "record 0193f0c2-7a4e-7c55-b1f5-2c8d0f7c9a31"})
	s.run(t, "call", "echo", "/health?full=1")
	s.sawRequest(t, "GET /ai/echo/health?full=1")
	s.run(t, "call", "echo", "items/7", "-X", "delete")
	s.sawRequest(t, "DELETE /ai/echo/items/7")
	program{env: map[string]string{"AICTL_SERVER": s.URL}, in: strings.NewReader(`[3]`)}.run(t, "call", "echo", "-d", "-")
	s.sawRequest(t, "POST /ai/echo/predict [3]")
}

func TestCallSendsFilesAndForms(t *testing.T) {
	dir := t.TempDir()
	image := filepath.Join(dir, "图 1.png")
	if err := os.WriteFile(image, []byte("\x89PNG\r\n\x1a\nrest"), 0o644); err != nil {
		t.Fatal(err)
	}
	var kind, field, file, partKind, trace string
	s := callServer(t, func(w http.ResponseWriter, r *http.Request) {
		kind, trace = r.Header.Get("Content-Type"), r.Header.Get("X-Trace")
		if strings.HasPrefix(kind, "multipart/") {
			field = r.FormValue("lang")
			f, head, err := r.FormFile("image")
			if err != nil {
				t.Error(err)
				return
			}
			content, err := io.ReadAll(f)
			if err != nil {
				t.Error(err)
			}
			file, partKind = head.Filename+":"+string(content), head.Header.Get("Content-Type")
		}
	})
	s.run(t, "call", "echo", "-F", "lang=zh", "-F", "image=@"+image).want(t, exitOK, nil, nil)
	if field != "zh" || file != "图 1.png:\x89PNG\r\n\x1a\nrest" || partKind != "image/png" {
		t.Errorf("field %q, file %q of %q", field, file, partKind)
	}
	s.run(t, "call", "echo", "-d", "@"+image, "-H", "X-Trace: 7").want(t, exitOK, nil, nil)
	if kind != "image/png" || trace != "7" {
		t.Errorf("Content-Type %q, X-Trace %q", kind, trace)
	}
	s.run(t, "call", "echo", "-d", "no json", "-H", "content-type: text/plain").want(t, exitOK, nil, nil)
	if kind != "text/plain" {
		t.Errorf("Content-Type %q", kind)
	}
}

func TestCallFails(t *testing.T) {
	problem := `{"title":"Service Unavailable","status":503,"code":"unavailable","detail":"echo is stopped"}`
	tests := []struct {
		name    string
		handler http.HandlerFunc
		code    int
		err     []string
	}{
		{"no instance", reply(503, "application/problem+json", problem), exitFailed, []string{"HTTP 503", "error: echo answered 503 Service Unavailable: echo is stopped", "aictl logs echo"}},
		{"bad input", reply(422, "application/json", `{"detail":[{"loc":["body"],"msg":"field required"}]}`), exitFailed, []string{`answered 422 Unprocessable Entity: [{"loc":["body"],"msg":"field required"}]`}},
		{"plain text", reply(500, "text/plain", "Internal \x1b[2JError\nmore"), exitFailed, []string{"answered 500 Internal Server Error: Internal [2JError\n"}},
		{"no such path", reply(404, "text/html", ""), exitFailed, []string{"no explanation", "call echo /info"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			callServer(t, tt.handler).run(t, "call", "echo", "-d", "1").want(t, tt.code, nil, tt.err)
		})
	}
	s := callServer(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	s.run(t, "call", "echo", "-d", "1", "--timeout", "30ms").want(t, exitTimeout, nil, []string{"no full answer in time"})
	s.answer("GET /api/v1/services/nope", problemOf(404, api.CodeNotFound, "no service nope"))
	s.run(t, "call", "nope", "-d", "1").want(t, exitNotFound, nil, []string{"error: no service nope"})
	s.answer("GET /api/v1/services/down", api.ServiceDocument{Service: api.Service{URL: "http://127.0.0.1:1/ai/down"}})
	s.run(t, "call", "down", "/health").want(t, exitUnreachable, nil, []string{"the gateway cannot be reached"})
	cut := callServer(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		io.WriteString(w, "abc")
	})
	cut.run(t, "call", "echo", "/x").want(t, exitFailed, []string{"abc"}, []string{"broke off: unexpected EOF"})
}

func TestBinaryAnswers(t *testing.T) {
	s := callServer(t, reply(200, "image/png", "\x89PNG\x00"))
	s.runTTY(t, 80, "call", "echo", "/image").want(t, exitOK, nil, []string{"5 B of image/png: send it to a file"})
	if got := s.run(t, "call", "echo", "/image"); got.out != "\x89PNG\x00" {
		t.Errorf("through a pipe it is %q", got.out)
	}
}

func TestGatewayOfADaemonElsewhere(t *testing.T) {
	a := newApp(nil, &safeBuffer{}, &safeBuffer{}, func(string) string { return "" })
	for _, tt := range []struct{ server, service, path, want string }{
		{"", "http://127.0.0.1:7680/ai/ocr", "/predict", "http://127.0.0.1:7680/ai/ocr/predict"},
		{"http://far:7600", "http://127.0.0.1:7680/ai/ocr", "/predict", "http://far:7680/ai/ocr/predict"},
		{"http://far:7600", "http://0.0.0.0:7680/ai/ocr", "predict", "http://far:7680/ai/ocr/predict"},
		{"http://far:7600", "https://ai.example.com/ai/ocr", "/a?b=c", "https://ai.example.com/ai/ocr/a?b=c"},
		{"", "http://127.0.0.1:7680/ai/分类", "/", "http://127.0.0.1:7680/ai/%E5%88%86%E7%B1%BB/"},
	} {
		a.server = tt.server
		if got, err := a.callURL(tt.service, tt.path); err != nil || got.String() != tt.want {
			t.Errorf("%+v: %s, %v", tt, got, err)
		}
	}
}
