package autodeploy

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"aictl/internal/giteatest"
)

func TestReceiverTakesWhatARealGiteaSent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i, d := range giteatest.Recordings(t) {
		req := httptest.NewRequest(http.MethodPost, "/hooks/gitea", bytes.NewReader(d.Body))
		req.Header = d.Header
		w := httptest.NewRecorder()
		r.engine.ServeHTTP(w, req)
		if w.Code != http.StatusAccepted {
			t.Errorf("%s: %d %s", d.Name, w.Code, w.Body)
		}
		list, err := r.store.Deliveries(t.Context(), "", 0, 0)
		if err != nil || len(list) != i+1 || list[0].Delivery != d.Header.Get("X-Gitea-Delivery") || list[0].Forge != "recorded" || list[0].Change == "" {
			t.Errorf("%s was stored as %+v, %v", d.Name, list, err)
		}
	}
}

func TestReceiverRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := r.pushBody("ocr", shaA, shaB)
	large := append([]byte(`{"x":"`), bytes.Repeat([]byte("x"), maxBody)...)
	for _, c := range []struct {
		what, path string
		body       []byte
		header     map[string]string
		status     int
	}{
		{what: "forged", header: map[string]string{"X-Gitea-Signature": sign("guessed", body)}, status: 401},
		{what: "signed with an empty secret", header: map[string]string{"X-Gitea-Signature": sign("", body)}, status: 401},
		{what: "not signed", header: map[string]string{"X-Gitea-Signature": ""}, status: 401},
		{what: "not hexadecimal", header: map[string]string{"X-Gitea-Signature": "zz"}, status: 401},
		{what: "another body than was signed", body: []byte(string(body) + " "), header: map[string]string{"X-Gitea-Signature": sign(testSecret, body)}, status: 401},
		{what: "half a signature", header: map[string]string{"X-Gitea-Signature": sign(testSecret, body)[:32]}, status: 401},
		{what: "a form", body: []byte("payload=" + string(body)), header: map[string]string{"Content-Type": "application/x-www-form-urlencoded", "X-Gitea-Signature": sign(testSecret, body)}, status: 415},
		{what: "no type", header: map[string]string{"Content-Type": ""}, status: 415},
		{what: "too large, and says so", body: large, status: 413},
		{what: "no event", header: map[string]string{"X-Gitea-Event": ""}, status: 400},
		{what: "an endless event", header: map[string]string{"X-Gitea-Event": strings.Repeat("x", 300)}, status: 400},
		{what: "an endless id", header: map[string]string{"X-Gitea-Delivery": strings.Repeat("x", 300)}, status: 400},
		{what: "signed, but nothing", body: []byte("{}"), status: 400},
		{what: "signed, but no JSON", body: []byte("x"), status: 400},
		{what: "no such forge", path: "/hooks/svn", status: 404},
		{what: "an address below", path: "/hooks/gitea/x", status: 404},
		{what: "GitHub with a Gitea's header", path: "/hooks/github", header: map[string]string{"X-GitHub-Event": "push"}, status: 401},
		{what: "GitLab with a wrong token", path: "/hooks/gitlab", header: map[string]string{"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": "wrong"}, status: 401},
		{what: "GitLab with an empty token", path: "/hooks/gitlab", header: map[string]string{"X-Gitlab-Event": "Push Hook"}, status: 401},
	} {
		if c.path == "" {
			c.path = "/hooks/gitea"
		}
		if c.body == nil {
			c.body = body
		}
		if status, _ := r.send(c.path, c.body, c.header); status != c.status {
			t.Errorf("%s: status %d, want %d", c.what, status, c.status)
		}
	}
	if list, err := r.store.Deliveries(t.Context(), "", 0, 0); err != nil || len(list) != 0 {
		t.Errorf("stored: %+v, %v", list, err)
	}
	if list := r.engine.Refusals(time.Time{}); len(list) != 19 || list[0].Status != 401 || list[0].From != "127.0.0.1" || list[0].Why == "" {
		t.Errorf("%d refusals are remembered: %+v", len(list), list)
	}
	req := httptest.NewRequest(http.MethodGet, "/hooks/gitea", nil)
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	r.engine.ServeHTTP(w, req)
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", w.Code)
	}
}

// TestReceiverBoundsWhatItReads sends bodies that do not say how long they are.
func TestReceiverBoundsWhatItReads(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	endless := io.MultiReader(strings.NewReader(`{"x":"`), bytes.NewReader(make([]byte, 4*maxBody)))
	req := httptest.NewRequest(http.MethodPost, "/hooks/gitea", endless)
	req.ContentLength = -1
	for k, v := range map[string]string{"Content-Type": "application/json", "X-Gitea-Event": "push", "X-Gitea-Signature": "00"} {
		req.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	r.engine.ServeHTTP(w, req)
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("an endless body: %d %s", w.Code, w.Body)
	}
	conn, err := net.Dial("tcp", r.web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /hooks/gitea HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Gitea-Event: push\r\nX-Gitea-Signature: 00\r\nContent-Length: %d\r\n\r\n{", 1<<30)
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 64)
	n, err := conn.Read(answer)
	if err != nil || !strings.Contains(string(answer[:n]), " 413 ") {
		t.Errorf("a body of 1 GB: %q, %v", answer[:n], err)
	}
}

func TestReceiverKnowsReplays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := r.pushBody("ocr", shaA, shaB)
	status, first := r.send("/hooks/gitea", body, map[string]string{"X-Gitea-Delivery": "one"})
	if status != 202 || first.ID == 0 || first.Known || first.Repeated {
		t.Fatalf("%d %+v", status, first)
	}
	if status, again := r.send("/hooks/gitea", body, map[string]string{"X-Gitea-Delivery": "one"}); status != 202 || !again.Known {
		t.Errorf("the same delivery: %d %+v", status, again)
	}
	if status, again := r.send("/hooks/gitea", body, map[string]string{"X-Gitea-Delivery": "two"}); status != 202 || !again.Repeated {
		t.Errorf("the same body under another id: %d %+v", status, again)
	}
	if list, err := r.store.Deliveries(t.Context(), "", 0, 0); err != nil || len(list) != 2 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestReceiverTakesGitHubAndGitLab(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	body := r.pushBody("ocr", shaA, shaB)
	status, got := r.send("/hooks/github", body, map[string]string{"X-GitHub-Event": "push", "X-GitHub-Delivery": "h", "X-Hub-Signature-256": "sha256=" + sign(testSecret, body)})
	if status != 202 || got.ID == 0 {
		t.Errorf("GitHub: %d %+v", status, got)
	}
	lab := []byte(`{"object_kind":"push","ref":"refs/heads/main","before":"` + shaA + `","after":"` + shaB + `","project":{"path_with_namespace":"g/r","git_http_url":"https://lab.example.com/g/r.git"}}`)
	if status, got := r.send("/hooks/gitlab", lab, map[string]string{"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": testSecret}); status != 202 || got.ID == 0 {
		t.Errorf("GitLab: %d %+v", status, got)
	}
}

// BenchmarkReceiver is one delivery from the socket to the answer, stored with a synced write.
func BenchmarkReceiver(b *testing.B) {
	r := newRig(b)
	n := 0
	for b.Loop() {
		n++
		after := fmt.Sprintf("%040x", n)
		if status, _ := r.send("/hooks/gitea", r.pushBody("ocr", shaA, after), map[string]string{"X-Gitea-Delivery": after}); status != 202 {
			b.Fatal(status)
		}
	}
}
