package deploy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// interfaceTimeout bounds one question about a service's interface.
const interfaceTimeout = 5 * time.Second

// checkInterface asks a candidate for what every service should offer. What is missing is a warning.
func (r *runner) checkInterface(ctx context.Context) (string, error) {
	if len(r.started) == 0 {
		return "nothing to ask", nil
	}
	missing := missingRoutes(ctx, r.HTTP, r.started[0].Port)
	if err := context.Cause(ctx); err != nil {
		return "", err
	}
	for _, m := range missing {
		r.warn(ctx, m)
	}
	detail := "GET /health, GET /info and POST /predict are there"
	if len(missing) > 0 {
		detail = count(len(missing), "warning")
	}
	compared, err := r.checkContract(ctx)
	if compared != "" {
		detail += "; " + compared
	}
	return detail, err
}

// missingRoutes says what of the standard interface an instance lacks.
func missingRoutes(ctx context.Context, c *http.Client, port int) []string {
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	var out []string
	for _, path := range []string{"/health", "/info"} {
		if a := ask(ctx, c, http.MethodGet, base+path); a.absent() {
			out = append(out, fmt.Sprintf("GET %s is missing (it answers %d); callers ask for it", path, a.status))
		}
	}
	if a := ask(ctx, c, http.MethodOptions, base+"/predict"); a.status < 300 && a.status > 0 || strings.Contains(a.allow, http.MethodPost) {
		return out
	}
	if a := ask(ctx, c, http.MethodPost, base+"/predict"); a.absent() {
		out = append(out, fmt.Sprintf("POST /predict is missing (it answers %d); requests go there", a.status))
	}
	return out
}

// answer is what matters of a response; a zero status is none.
type answer struct {
	status int
	allow  string
}

// absent reports whether the route is not there. No answer in time says nothing: the route may be slow.
func (a answer) absent() bool {
	return a.status == http.StatusNotFound || a.status == http.StatusMethodNotAllowed || a.status == http.StatusNotImplemented
}

func ask(ctx context.Context, c *http.Client, method, url string) answer {
	ctx, cancel := context.WithTimeout(ctx, interfaceTimeout)
	defer cancel()
	var body io.Reader
	if method == http.MethodPost {
		body = strings.NewReader("{}")
	}
	req, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return answer{}
	}
	req.Header.Set("User-Agent", "aictl-interface-check")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.Do(req)
	if err != nil {
		return answer{}
	}
	defer res.Body.Close()
	// Only the head matters; what is left of the body ends with the connection.
	return answer{res.StatusCode, res.Header.Get("Allow")}
}
