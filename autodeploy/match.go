package autodeploy

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"aictl/gitea"
	"aictl/store"
)

// Kinds of a service's source, as deploy names them.
const (
	sourceGit    = "git"
	sourceGitea  = "gitea"
	sourceHosted = "hosted"
)

// hostedScheme begins the address of a repository that the daemon hosts itself.
const hostedScheme = "hosted://"

// addressOf is where a service's source leads, "" when changes of it are nothing that is told: a folder, or a Gitea that is not connected.
func addressOf(src store.Source, forges []gitea.Connection) string {
	switch src.Kind {
	case sourceGit:
		return canonical(src.URL)
	case sourceHosted:
		return hostedScheme + trimRepo(src.URL)
	case sourceGitea:
		if len(forges) > 0 {
			return canonical(forges[0].Client.URL() + "/" + src.URL)
		}
	}
	return ""
}

// concerns reports whether a change is of the repository at an address of addressOf.
func concerns(c Change, address string) bool {
	if address == "" {
		return false
	}
	if c.Hosted && address == hostedScheme+trimRepo(c.Repository) {
		return true
	}
	return slices.ContainsFunc(c.Addresses, func(a string) bool { return canonical(a) == address })
}

// canonical brings the spellings of a clone URL into one: no credentials, no .git, small letters as forges compare them, default ports
// left out, and git@host:path as the ssh URL it is. "" is no address.
func canonical(address string) string {
	address = strings.TrimSpace(address)
	if path.IsAbs(address) {
		return "file://" + trimRepo(path.Clean(address))
	}
	if !strings.Contains(address, "://") {
		at, rest, ok := strings.Cut(address, ":")
		if !ok || strings.Contains(at, "/") {
			return ""
		}
		address = "ssh://" + at + "/" + strings.TrimPrefix(rest, "/")
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	scheme := strings.ToLower(u.Scheme)
	if scheme == "file" {
		return "file://" + trimRepo(path.Clean("/"+u.Path))
	}
	host := strings.ToLower(u.Host)
	if port, ok := map[string]string{"http": ":80", "https": ":443", "ssh": ":22"}[scheme]; ok {
		host = strings.TrimSuffix(host, port)
	}
	name := trimRepo(path.Clean("/" + u.Path))
	if host == "" || name == "/" || name == "" {
		return ""
	}
	return scheme + "://" + host + strings.ToLower(name)
}

func trimRepo(name string) string { return strings.TrimSuffix(strings.TrimRight(name, "/"), ".git") }
