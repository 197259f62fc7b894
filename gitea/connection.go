package gitea

import (
	"net/url"
	"strings"
)

// Where a connection comes from; the earlier one counts.
const (
	FromEnvironment = "environment"
	FromStore       = "stored"
	FromFile        = "file"
)

// Connection is a Gitea that is connected, with what is done in its name.
type Connection struct {
	Name   string // of this connection; letters, digits, dots and dashes
	Owner  string // of new repositories; "" is the token's user
	Prefix string // of new repositories' names
	Login  string // whose token it was when it was connected; "" when that was not asked
	Secret string // of the webhooks of this Gitea; never empty
	Hint   string // the token's last characters, which may be shown; "" for a short token and for none
	From   string // FromEnvironment, FromStore or FromFile
	Client *Client
	Err    error // why it cannot be used, such as a token file that is not there; Client has no token then
}

// Owning is the connection whose Gitea a clone URL leads to, the one with the longest address when there are more.
func Owning(list []Connection, raw string) (c Connection, ok bool) {
	for _, one := range list {
		if one.Client.Owns(raw) && (!ok || len(one.Client.URL()) > len(c.Client.URL())) {
			c, ok = one, true
		}
	}
	return c, ok
}

// Named is the connection of a name.
func Named(list []Connection, name string) (Connection, bool) {
	for _, one := range list {
		if one.Name == name {
			return one, true
		}
	}
	return Connection{}, false
}

// Address is the one way to write the address of a Gitea: scheme and host in small letters, no default port, no slash at the end.
func Address(raw string) string {
	u, err := url.Parse(strings.TrimRight(strings.TrimSpace(raw), "/"))
	if err != nil || u.Host == "" {
		return strings.TrimRight(strings.TrimSpace(raw), "/")
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if port := u.Port(); u.Scheme == "http" && port == "80" || u.Scheme == "https" && port == "443" {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	return u.String()
}
