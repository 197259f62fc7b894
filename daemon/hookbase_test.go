package daemon

import (
	"context"
	"errors"
	"net/netip"
	"testing"
)

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
