package api

import (
	"net"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

func TestAuthMatrix(t *testing.T) {
	s := newServer(t, newBackend())
	trusted, tcp := s.Handler(true), s.Handler(false)
	for _, c := range []struct {
		name, target, header string
		status               int
	}{
		{"no token", "/api/v1/services", "", 401},
		{"wrong token", "/api/v1/services", "Bearer nope", 401},
		{"prefix of the token", "/api/v1/services", "Bearer " + testToken[:5], 401},
		{"token and more", "/api/v1/services", "Bearer " + testToken + "x", 401},
		{"empty token", "/api/v1/services", "Bearer ", 401},
		{"other scheme", "/api/v1/services", "Basic " + testToken, 401},
		{"bare token", "/api/v1/services", testToken, 401},
		{"right token", "/api/v1/services", "Bearer " + testToken, 200},
		{"scheme in lower case", "/api/v1/services", "bearer " + testToken, 200},
		{"metrics are not open", "/metrics", "", 401},
		{"unknown addresses tell nothing", "/api/v1/nope", "", 401},
		{"health is open", "/healthz", "", 200},
		{"description is open", "/api/v1/openapi.json", "", 200},
		{"no way around by path", "/healthz/../api/v1/services", "", 401},
		{"nor by doubled slashes", "//api/v1/services", "", 401},
	} {
		w := ask(tcp, "GET", c.target, "", "Authorization", c.header)
		if w.Code != c.status {
			t.Errorf("%s: %d, want %d", c.name, w.Code, c.status)
		}
		if c.status == 401 {
			checkProblem(t, w.Code, w.Header(), w.Body.Bytes())
			if w.Header().Get("WWW-Authenticate") == "" || !strings.Contains(w.Body.String(), "AICTL_TOKEN") {
				t.Errorf("%s: no advice: %s", c.name, w.Body)
			}
		}
	}
	if w := ask(trusted, "GET", "/api/v1/services", ""); w.Code != 200 {
		t.Errorf("unix socket: %d", w.Code)
	}
}

func TestTokenIsNeeded(t *testing.T) {
	_, err := New(Deps{})
	if err == nil || !strings.Contains(err.Error(), "Deps.Token is missing") || !strings.Contains(err.Error(), "Deps.Services") {
		t.Errorf("got %v", err)
	}
}

func TestActorIsTheUserAtTheSocket(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("unix", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if got := actor(withPeer(t.Context(), conn)); got != me.Username {
		t.Errorf("got %q, want %q", got, me.Username)
	}
	if got := actor(t.Context()); got != "token" {
		t.Errorf("over TCP: %q", got)
	}
}
