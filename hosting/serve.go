package hosting

import (
	"errors"
	"net/http"
	"strings"
)

// Prefix is where a Host is served.
const Prefix = "/git/"

// ServeHTTP answers Git over HTTP for NAME.git, LFS for NAME.git/info/lfs, and what lies below ~FORGE/ by asking that forge.
// Whoever calls it has made sure that the caller is allowed to.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, Prefix)
	if site := r.Header.Get("Sec-Fetch-Site"); r.Header.Get("Origin") != "" || site != "" && site != "none" && site != "same-origin" {
		h.refuse(w, http.StatusForbidden, "pages of a browser may not ask here: it would add the token that was once typed in")
		return
	}
	if forge, ok := strings.CutPrefix(path, "~"); ok {
		h.serveForge(w, r, forge)
		return
	}
	name, rest, _ := strings.Cut(path, "/")
	name = strings.TrimSuffix(name, ".git")
	if err := ValidName(name); err != nil {
		h.refuse(w, http.StatusNotFound, err.Error())
		return
	}
	service := ""
	if rest == "info/refs" {
		service = r.URL.Query().Get("service")
	} else if pack, ok := strings.CutPrefix(rest, "git-"); ok {
		service = "git-" + pack
	}
	switch {
	case strings.HasPrefix(rest, "info/lfs/"):
		h.serveLFS(w, r, name, strings.TrimPrefix(rest, "info/lfs/"))
	case service != "git-upload-pack" && service != "git-receive-pack":
		h.refuse(w, http.StatusNotFound, "this is the address of a Git repository; use it with git: git clone URL, git push URL")
	case rest == "info/refs" && r.Method == http.MethodGet:
		h.advertise(w, r, name, service)
	case rest == service && r.Method == http.MethodPost && r.Header.Get("Content-Type") != "application/x-"+service+"-request":
		h.refuse(w, http.StatusUnsupportedMediaType, "this is no request of the git program")
	case rest == service && r.Method == http.MethodPost && service == "git-receive-pack":
		h.receive(w, r, name)
	case rest == service && r.Method == http.MethodPost:
		h.upload(w, r, name)
	default:
		h.refuse(w, http.StatusMethodNotAllowed, r.Method+" is nothing that git asks here")
	}
}

// refuse answers as git shows it to its user: a line of text.
func (h *Host) refuse(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	if _, err := w.Write([]byte("aictl: " + text + "\n")); err != nil {
		h.log.Debug("answer was not taken", "err", err)
	}
}

// fail answers with what went wrong.
func (h *Host) fail(w http.ResponseWriter, err error) {
	h.refuse(w, h.statusOf(err), err.Error())
}

func (h *Host) statusOf(err error) int {
	for _, c := range []struct {
		err    error
		status int
	}{
		{ErrNotFound, http.StatusNotFound}, {ErrName, http.StatusNotFound}, {ErrExists, http.StatusConflict},
		{ErrNoSpace, http.StatusInsufficientStorage}, {ErrNoGit, http.StatusServiceUnavailable},
	} {
		if errors.Is(err, c.err) {
			return c.status
		}
	}
	h.log.Error("hosted repository", "err", err)
	return http.StatusInternalServerError
}

// actorOf is who calls, as far as he says: the user name before the token.
func actorOf(r *http.Request) string {
	if user, _, ok := r.BasicAuth(); ok && len(user) > 1 && len(user) <= 100 {
		return strings.ToValidUTF8(user, "")
	}
	return "git"
}
