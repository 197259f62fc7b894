package replay

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// stopTime bounds the stopping of a candidate.
const stopTime = 2 * time.Minute

// opened is a target that may have been started for this job.
type opened struct {
	Target
	stop func(context.Context) error
}

func nothingToStop(context.Context) error { return nil }

// close stops what was started, also when ctx has ended.
func (o *opened) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	if err := o.stop(ctx); err != nil {
		return fmt.Errorf("stop the instance started for %s: %w", o.Name, err)
	}
	return nil
}

// open makes a target of SERVICE@RELEASE or a URL. A release that is not live is started.
func (e *Engine) open(ctx context.Context, to string, force bool, tell func(Progress)) (*opened, error) {
	if strings.Contains(to, "://") {
		return e.openURL(ctx, to, force)
	}
	service, release, _ := strings.Cut(to, "@")
	if service == "" || strings.ContainsAny(to, "/: \t") {
		return nil, fmt.Errorf("%w: %q: give SERVICE@RELEASE (`aictl rollback SERVICE --list` shows them) or a URL such as http://127.0.0.1:9000", ErrTarget, to)
	}
	if release == "live" {
		release = ""
	}
	id, live, err := e.Fleet.Find(ctx, service, release)
	if err != nil {
		return nil, err
	}
	name := service + "@" + id
	if len(live) > 0 {
		if !force {
			return nil, fmt.Errorf("send to %s: %w; choose another release, or add --force", name, ErrLive)
		}
		return e.at(name, service, live, nothingToStop), nil
	}
	if release == "" {
		return nil, fmt.Errorf("%w: %s runs no instance of its live release %s: start it, or name a release to be started for this", ErrTarget, service, id)
	}
	tell(Progress{Phase: PhaseStarting, Detail: name})
	addr, stop, err := e.Fleet.Candidate(ctx, service, id, func(s string) { tell(Progress{Phase: PhaseStarting, Detail: s}) })
	if err != nil {
		return nil, err
	}
	return e.at(name, service, []string{addr}, stop), nil
}

// at is a target of instances, which are told the prefix as the gateway would.
func (e *Engine) at(name, service string, addrs []string, stop func(context.Context) error) *opened {
	t := Target{Name: name}
	if e.Prefix != "" {
		t.Header = http.Header{"X-Forwarded-Prefix": {strings.TrimSuffix(e.Prefix, "/") + "/" + service}}
	}
	for _, a := range addrs {
		t.URLs = append(t.URLs, hostURL(a))
	}
	return &opened{t, stop}
}

func (e *Engine) openURL(ctx context.Context, to string, force bool) (*opened, error) {
	u, err := url.Parse(to)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrTarget, err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return nil, fmt.Errorf("%w: %q: give http://HOST:PORT or https://HOST", ErrTarget, to)
	case u.User != nil:
		return nil, fmt.Errorf("%w: %q: leave the password out and give it with --header 'Authorization: …'", ErrTarget, u.Redacted())
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("%w: %q: give the address without a query; the recorded one is sent", ErrTarget, to)
	}
	t := &opened{Target{Name: to, URLs: []*url.URL{u}}, nothingToStop}
	if force {
		return t, nil
	}
	port, local := localPort(ctx, u)
	if !local {
		return t, nil
	}
	serving, err := e.Fleet.Serving(ctx)
	if err != nil {
		return nil, err
	}
	if what, live := serving[port]; live {
		return nil, fmt.Errorf("send to %s, which is %s: %w; choose another target, or add --force", to, what, ErrLive)
	}
	return t, nil
}

// localPort is a URL's port, and whether its host is this machine.
func localPort(ctx context.Context, u *url.URL) (port int, local bool) {
	text := u.Port()
	if text == "" {
		text = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return port, false // it will not be reached either
	}
	own := ownAddresses()
	for _, a := range addrs {
		if a = a.Unmap().WithZone(""); a.IsLoopback() || a.IsUnspecified() || own[a] {
			return port, true
		}
	}
	return port, false
}

func ownAddresses() map[netip.Addr]bool {
	out := map[netip.Addr]bool{}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return out // loopback is known anyway
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out[p.Addr().Unmap()] = true
		}
	}
	return out
}
