package daemon

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"aictl/configs"
)

func TestHookSetting(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ public, webhook, want string }{
		{"", "", ""},
		{"https://aictl.example.com/", "", "https://aictl.example.com"},
		{"", "http://10.0.0.5:7600/", "http://10.0.0.5:7600"},
		{"https://aictl.example.com", "http://10.0.0.5:7600", "http://10.0.0.5:7600"},
	} {
		s := configs.Settings{PublicURL: c.public}
		s.Gitea.WebhookURL = c.webhook
		if got := hookSetting(s); got != c.want {
			t.Errorf("public_url %q, gitea.webhook_url %q: %q, want %q", c.public, c.webhook, got, c.want)
		}
	}
}

func TestReachable(t *testing.T) {
	t.Parallel()
	routes := map[string]string{"git.example.com": "10.0.0.5", "localhost": "127.0.0.1", "127.0.0.1": "127.0.0.1", "six.example.com": "fd00::5"}
	from := func(_ context.Context, host string) (netip.Addr, error) {
		if routes[host] == "" {
			return netip.Addr{}, errors.New("no route")
		}
		return netip.MustParseAddr(routes[host]), nil
	}
	for _, c := range []struct{ api, forge, want string }{
		{"http://[::]:7600", "https://git.example.com", "http://10.0.0.5:7600"},
		{"http://0.0.0.0:7600", "git@git.example.com:o/r.git", "http://10.0.0.5:7600"},
		{"https://0.0.0.0:7600", "http://six.example.com:3000", "https://[fd00::5]:7600"},
		{"http://10.1.1.1:7600", "https://git.example.com", "http://10.1.1.1:7600"},
		{"http://127.0.0.1:7600", "http://localhost:3000", "http://127.0.0.1:7600"},
		{"http://[::]:7600", "http://127.0.0.1:3000", "http://127.0.0.1:7600"},
		{"http://127.0.0.1:7600", "https://git.example.com", ""},
		{"http://[::]:7600", "https://nowhere.example.com", ""},
	} {
		got, err := reachable(t.Context(), c.api, c.forge, from)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s for %s: %q, %v; want %q", c.api, c.forge, got, err, c.want)
		}
	}
}

func TestOutgoing(t *testing.T) {
	t.Parallel()
	if at, err := outgoing(t.Context(), "127.0.0.1"); err != nil || !at.IsLoopback() {
		t.Errorf("%v, %v", at, err)
	}
}
