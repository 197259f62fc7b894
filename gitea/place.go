package gitea

import (
	"net/url"
	"strings"
)

// Place finds the repository that a service is deployed from: where is owner/repo on the default connection, or a clone URL that leads to one of
// them. ok is false when it is on none.
func Place(list []Connection, where string) (c Connection, fullName string, ok bool) {
	if !strings.Contains(where, ":") && !strings.HasPrefix(where, "/") {
		if len(list) == 0 {
			return Connection{}, "", false
		}
		name := strings.TrimSuffix(where, ".git")
		return list[0], name, pair(name)
	}
	if c, ok = Owning(list, where); !ok {
		return Connection{}, "", false
	}
	u, err := url.Parse(where)
	if err != nil {
		return Connection{}, "", false
	}
	rest := strings.TrimPrefix(u.Path, strings.TrimRight(c.Client.base.Path, "/")+"/")
	name := strings.TrimSuffix(strings.Trim(rest, "/"), ".git")
	return c, name, pair(name)
}

// pair reports whether a name is of the form owner/repo.
func pair(name string) bool {
	owner, repo, ok := strings.Cut(name, "/")
	return ok && owner != "" && repo != "" && !strings.Contains(repo, "/")
}
