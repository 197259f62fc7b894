package autodeploy

import (
	"net/url"
	"path"
	"slices"
	"strings"

	"aictl/store"
)

// Kinds of a service's source, as deploy names them.
const (
	sourceGit    = "git"
	sourceGitea  = "gitea"
	sourceHosted = "hosted"
)

// concerns reports whether a service was deployed from the repository of a change, by any of its addresses.
func concerns(c Change, src store.Source) bool {
	switch src.Kind {
	case sourceGitea:
		return !c.Hosted && strings.EqualFold(src.URL, c.Repository)
	case sourceHosted:
		return c.Hosted && src.URL == c.Repository
	case sourceGit:
		want := canonical(src.URL)
		return want != "" && slices.ContainsFunc(c.Addresses, func(a string) bool { return canonical(a) == want })
	}
	return false
}

// canonical brings the spellings of a clone URL into one: no credentials, no .git, the host in lower case, default ports left out,
// and git@host:path as the ssh URL it is. "" is no address.
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
		return "file://" + trimRepo(path.Clean(u.Path))
	}
	host := strings.ToLower(u.Host)
	for s, port := range map[string]string{"http": ":80", "https": ":443", "ssh": ":22"} {
		if scheme == s {
			host = strings.TrimSuffix(host, port)
		}
	}
	name := trimRepo(path.Clean("/" + u.Path))
	if host == "" || name == "/" {
		return ""
	}
	return scheme + "://" + host + strings.ToLower(name)
}

func trimRepo(name string) string { return strings.TrimSuffix(strings.TrimRight(name, "/"), ".git") }
