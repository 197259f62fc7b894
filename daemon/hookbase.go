package daemon

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"aictl/configs"
)

// hookBase is the API's address as a forge reaches it: the setting for forges, that for everybody, or what follows from where the API listens.
func (d *Daemon) hookBase(ctx context.Context, forge string) (string, error) {
	if set := hookSetting(d.settings.current()); set != "" {
		return set, nil
	}
	return reachable(ctx, d.apiURL(), forge, outgoing)
}

// hookSetting is the address of webhooks that the settings name, "" for none.
func hookSetting(s configs.Settings) string {
	return strings.TrimRight(cmp.Or(s.Gitea.WebhookURL, s.PublicURL), "/")
}

// reachable is the address of an API, listening as api says, for a forge. from finds this machine's address on the way to a host.
func reachable(ctx context.Context, api, forge string, from func(ctx context.Context, host string) (netip.Addr, error)) (string, error) {
	u, err := url.Parse(api)
	if err != nil {
		return "", err
	}
	listens, err := netip.ParseAddr(u.Hostname())
	if err != nil || !listens.IsUnspecified() && !listens.IsLoopback() { // it listens on one address, which is it
		return api, nil
	}
	to := forgeHost(forge)
	own, err := from(ctx, to)
	if err != nil {
		return "", fmt.Errorf("find the address of this server for %s: %w; set public_url, or gitea.webhook_url", to, err)
	}
	if listens.IsLoopback() && !own.IsLoopback() {
		return "", fmt.Errorf("the API listens on %s only, where %s cannot reach it: start the daemon with --listen :%s, or put a proxy before it and set public_url to the proxy's address", u.Host, to, u.Port())
	}
	u.Host = net.JoinHostPort(own.String(), u.Port())
	if listens.IsLoopback() {
		u.Host = net.JoinHostPort(listens.String(), u.Port())
	}
	return u.String(), nil
}

// forgeHost is the host of a forge's URL, or of a clone URL such as git@host:path.
func forgeHost(forge string) string {
	if u, err := url.Parse(forge); err == nil && u.Hostname() != "" {
		return u.Hostname()
	}
	host, _, _ := strings.Cut(forge, ":")
	return host[strings.LastIndex(host, "@")+1:]
}

// outgoing is this machine's address on the way to a host. Nothing is sent.
func outgoing(ctx context.Context, host string) (netip.Addr, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp", net.JoinHostPort(host, "80"))
	if err != nil {
		return netip.Addr{}, err
	}
	at, err := netip.ParseAddrPort(conn.LocalAddr().String())
	if cerr := conn.Close(); err == nil {
		err = cerr
	}
	return at.Addr().Unmap().WithZone(""), err
}
