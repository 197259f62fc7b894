package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestTheDocumentedCurlLine runs the first command of docs/exchange.md as it stands there, but for the address. Where there
// is no curl, the same request is made without it.
func TestTheDocumentedCurlLine(t *testing.T) {
	page, err := os.ReadFile("../docs/exchange.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```bash\n")
	line, _, ended := strings.Cut(rest, "\n```")
	if !found || !ended || !strings.HasPrefix(line, "curl ") {
		t.Fatalf("docs/exchange.md begins with another command: %.100s", line)
	}
	b := newBackend()
	s := newServer(t, b)
	srv := httptest.NewServer(s.Handler(false))
	defer srv.Close()
	const documented = "http://127.0.0.1:7600"
	if !strings.Contains(line, documented) {
		t.Fatalf("the address is not %s: %s", documented, line)
	}
	answer := runDocumented(t, strings.ReplaceAll(line, documented, srv.URL), srv.URL)
	_, rest, _ = strings.Cut(string(page), "```json\n")
	want, _, _ := strings.Cut(rest, "\n```")
	for _, part := range []string{`"accepted":1`, `"duplicates":0`, `"rejected":[]`, `"oldest":"2026-11-21T08:30:00.250000Z"`} {
		if !strings.Contains(answer, part) || !strings.Contains(want, part) {
			t.Errorf("the answer is %s\nthe page says %s", answer, want)
		}
	}
	if answer = strings.TrimSpace(answer); answer != want {
		t.Errorf("the answer is %s\nthe page says %s", answer, want)
	}
	for _, x := range b.posted {
		if x.Model != "ocr-large-3" || x.Session != "ann-42" || string(x.Request.Body) != `{"page":1}` || x.Tags["queue"] != "night" {
			t.Errorf("stored %+v", x)
		}
	}
}

// runDocumented runs a curl line with a shell, or makes its request.
func runDocumented(t *testing.T, line, url string) string {
	t.Helper()
	if _, err := exec.LookPath("curl"); err == nil {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "sh", "-c", line)
		cmd.Env = append(os.Environ(), "AICTL_TOKEN="+testToken, "no_proxy=*")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	_, body, _ := strings.Cut(line, "-d '")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+Prefix+"/records", strings.NewReader(strings.TrimSuffix(body, "'")))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+testToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out strings.Builder
	if err := res.Write(&out); err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(out.String(), "\r\n\r\n")
	if !ok {
		t.Fatalf("no body in %s", out.String())
	}
	return text
}
