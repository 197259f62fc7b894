package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
	"aictl/gateway"
)

type callFlags struct {
	data, method string
	form, header []string
	verbose      bool
	timeout      time.Duration
}

func (a *app) callCommand() *cobra.Command {
	var f callFlags
	cmd := &cobra.Command{
		Use:   "call SERVICE [PATH]",
		Short: a.t("Send a request to a service through the gateway"),
		Long: a.t(`Send a request to a service through the gateway, where it is recorded like every other.

With -d or -F the input is posted to /predict, or to PATH. With a PATH alone it is a GET. The answer goes to
stdout, indented when it is JSON and you are looking. A status of 400 or above exits 1.`),
		Example: a.examples(
			a.t("Ask for a prediction"), `aictl call text-classify -d '{"input_data": ["a fine day"]}'`,
			"", "aictl call text-classify -d @samples/english.json",
			a.t("Upload a file"), "aictl call blob-detect -F image=@photo.png",
			a.t("Look at what every service answers"), "aictl call ocr /health",
			"", "aictl call ocr /info"),
		Args: a.args(cobra.RangeArgs(1, 2)),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 1 {
				return []string{"/predict", "/health", "/info"}, cobra.ShellCompDirectiveNoFileComp
			}
			return a.completeServices(1)(cmd, args, prefix)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.call(cmd, args, f) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&f.data, "data", "d", "", a.t("body: JSON, `@FILE`, or - for stdin"))
	flags.StringArrayVarP(&f.form, "form", "F", nil, a.t("form field `NAME=VALUE` or file NAME=@FILE; may be repeated"))
	flags.StringVarP(&f.method, "method", "X", "", a.t("method (default: POST with input, else GET)"))
	flags.StringArrayVarP(&f.header, "header", "H", nil, a.t("header `NAME: VALUE`; may be repeated"))
	flags.BoolVarP(&f.verbose, "verbose", "v", false, a.t("show status, time and record on stderr"))
	flags.DurationVar(&f.timeout, "timeout", 0, a.t("give up after this long (default: never)"))
	return cmd
}

func (a *app) call(cmd *cobra.Command, args []string, f callFlags) error {
	if err := a.notBoth(cmd, "data", "form"); err != nil {
		return err
	}
	path := "/predict"
	if len(args) == 2 {
		path = args[1]
	}
	sends := cmd.Flags().Changed("data") || len(f.form) > 0
	if !sends && len(args) == 1 && f.method == "" {
		return fail(exitUsage, a.errorf("nothing to send to %s", args[0]),
			a.t("give input with -d JSON, -d @FILE or -F name=@file, or ask a path such as /health"))
	}
	body, err := a.callBody(f, sends)
	if err != nil {
		return a.usageError(cmd, err)
	}
	defer body.close()
	req, err := a.callRequest(f, path, sends, body)
	if err != nil {
		return a.usageError(cmd, err)
	}
	client, err := a.connect()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	doc, err := client.Service(ctx, args[0])
	if err != nil {
		return err
	}
	target, err := a.callURL(doc.Service.URL, path)
	if err != nil {
		return err
	}
	req.URL, req.Host = target, ""
	return a.exchange(req.WithContext(ctx), args[0], f)
}

// callRequest is the request without its address.
func (a *app) callRequest(f callFlags, path string, sends bool, body requestBody) (*http.Request, error) {
	method := strings.ToUpper(f.method)
	switch {
	case method != "":
	case sends:
		method = http.MethodPost
	default:
		method = http.MethodGet
	}
	req, err := http.NewRequest(method, "http://gateway.invalid/", body.reader)
	if err != nil {
		return nil, fmt.Errorf("make a request for %s: %w", path, err)
	}
	if body.size >= 0 {
		req.ContentLength = body.size
	}
	if body.kind != "" {
		req.Header.Set("Content-Type", body.kind)
	}
	req.Header.Set("User-Agent", "aictl")
	for _, h := range f.header {
		name, value, found := strings.Cut(h, ":")
		if !found || strings.TrimSpace(name) == "" {
			return nil, a.errorf("--header %q is not NAME: VALUE", h)
		}
		req.Header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	return req, nil
}

// callURL is the address of a path below a service's URL. A daemon elsewhere calls its gateway by a loopback address
// when it listens there; from here that is the daemon's host.
func (a *app) callURL(service, path string) (*url.URL, error) {
	u, err := url.Parse(service)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("the daemon gave %q as the service's address, which is none", service)
	}
	if a.remote() {
		server, err := url.Parse(a.server)
		if err != nil {
			return nil, fmt.Errorf("read --server: %w", err)
		}
		if ip := net.ParseIP(u.Hostname()); ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
			u.Host = net.JoinHostPort(server.Hostname(), u.Port())
		}
	}
	rest, query, _ := strings.Cut(strings.TrimPrefix(path, "/"), "?")
	u = u.JoinPath("/" + rest)
	u.RawQuery = query
	return u, nil
}

// exchange sends the request and shows the answer.
func (a *app) exchange(req *http.Request, service string, f callFlags) error {
	started := time.Now()
	trust, err := api.TLSConfig(a.caFile)
	if err != nil {
		return fail(exitUsage, err, "")
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableCompression: true, TLSClientConfig: trust}
	defer transport.CloseIdleConnections()
	spin := a.spin(a.t("waiting for %s", service))
	res, err := (&http.Client{Transport: transport, CheckRedirect: keepRedirect}).Do(req)
	spin.stop()
	if err != nil {
		return a.exchangeFault(req, err)
	}
	answer, err := a.showBody(res)
	if closeErr := res.Body.Close(); err == nil {
		err = closeErr
	}
	failed := res.StatusCode >= 400
	if f.verbose || failed || err != nil {
		a.say("%s", a.exchangeLine(res, time.Since(started)))
	}
	if err != nil {
		return a.exchangeFault(req, err)
	}
	if failed {
		return fail(exitFailed, a.errorf("%s answered %s: %s", service, res.Status, problemDetail(answer)), a.callHint(service, res.StatusCode))
	}
	return nil
}

// keepRedirect shows a redirect instead of following it: it is the service's answer.
func keepRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (a *app) exchangeFault(req *http.Request, err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	switch ctxErr := req.Context().Err(); {
	case errors.Is(ctxErr, context.DeadlineExceeded):
		return fail(exitTimeout, a.errorf("no full answer in time from %s", req.URL), "")
	case ctxErr != nil:
		return ctxErr
	}
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" {
		return fail(exitUnreachable, a.errorf("the gateway cannot be reached: %w", err), "")
	}
	return a.errorf("the exchange with %s broke off: %w", req.URL, err)
}

func (a *app) exchangeLine(res *http.Response, took time.Duration) string {
	st := green
	if res.StatusCode >= 400 {
		st = red
	}
	line := a.err.paint(st, "HTTP "+res.Status) + "  " + latency(took)
	if id := res.Header.Get(gateway.HeaderRecord); id != "" {
		line += "  " + a.t("record %s", id)
	}
	return line
}

func (a *app) callHint(service string, status int) string {
	switch status {
	case http.StatusServiceUnavailable, http.StatusBadGateway, http.StatusGatewayTimeout:
		return a.t("see %s and %s", a.command("status %s", service), a.command("logs %s", service))
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return a.t("what it answers: %s", a.command("call %s /info", service))
	}
	return a.t("what it printed: %s", a.command("logs %s -n 20", service))
}
