package gateway

import (
	"net/http"
	"net/url"
	"strings"
)

const prefix = "/ai/"

// splitPath cuts the request's path into the service's name and the rest exactly as received, "/" when there is none.
func splitPath(r *http.Request) (service, rest string, ok bool) {
	tail, ok := strings.CutPrefix(rawPath(r), prefix)
	if !ok {
		return "", "", false
	}
	name, rest := tail, "/"
	if i := strings.IndexByte(tail, '/'); i >= 0 {
		name, rest = tail[:i], tail[i:]
	}
	service, err := url.PathUnescape(name)
	if err != nil || service == "" {
		return "", "", false
	}
	return service, rest, true
}

// rawPath is the path as it stood in the request line. net/url re-encodes some bytes; the request line does not.
func rawPath(r *http.Request) string {
	if !strings.HasPrefix(r.RequestURI, "/") {
		return r.URL.EscapedPath()
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return path
}

// setPath makes u ask for path exactly as it is written.
func setPath(u *url.URL, path string) {
	u.Opaque, u.RawPath, u.Path = "", path, path
	if plain, err := url.PathUnescape(path); err == nil {
		u.Path = plain
	}
	// Where net/url would encode bytes that the client did not, only the opaque form keeps them, and that
	// cannot begin with two slashes.
	if u.EscapedPath() != path && !strings.HasPrefix(path, "//") {
		u.Opaque = path
	}
}
