package deploy

import (
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"

	"aictl/store"
)

// The kinds of a source.
const (
	SourceGit   = "git"
	SourceGitea = "gitea"
	SourceDir   = "dir"
	// SourceHosted is a repository that aictl hosts itself; its address is its bare name.
	SourceHosted = "hosted"
)

// advice ends every complaint about a source.
const advice = "give the name of a hosted repository, owner/repo of the connected Gitea, a Git URL (https, ssh, git@host:path, file) or a local directory"

var (
	scpLike = regexp.MustCompile(`^([A-Za-z0-9._-]+@)?([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]):([^\\]+)$`)
	// hostedName is a bare word: what else could it be but a repository hosted here.
	hostedName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)
	ownerRepo  = regexp.MustCompile(`^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$`)
)

// ParseSource tells what kind of source a text names and which service name it suggests: owner/repo, a URL (https,
// http, ssh, git@host:path, file), or a directory, which becomes absolute. A directory that exists is taken before
// owner/repo. Errors match ErrSource.
func ParseSource(text string) (src store.Source, name string, err error) {
	home, err := os.UserHomeDir()
	if err != nil {
		home = "" // only ~ needs it
	}
	return parseSource(text, home, filepath.Abs, isDir)
}

func isDir(p string) bool {
	info, err := os.Stat(p)
	return err == nil && info.IsDir()
}

func parseSource(text, home string, abs func(string) (string, error), isDir func(string) bool) (store.Source, string, error) {
	fail := func(why string) (store.Source, string, error) {
		return store.Source{}, "", fmt.Errorf("%w %q: %s; %s", ErrSource, shown(text), why, advice)
	}
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return fail("it is empty")
	case strings.ContainsFunc(text, unicode.IsControl):
		return fail("it holds control characters")
	case strings.HasPrefix(text, "-"):
		return fail("it begins like an option")
	case strings.Contains(text, "://"):
		return parseURL(text, fail)
	}
	local := text
	if text == "~" || strings.HasPrefix(text, "~/") {
		if home == "" {
			return fail("there is no home directory for ~")
		}
		local = filepath.Join(home, text[1:])
	}
	pathLike := local != text || strings.HasPrefix(text, "/") || text == "." || text == ".." ||
		strings.HasPrefix(text, "./") || strings.HasPrefix(text, "../")
	full, err := abs(local)
	if err != nil {
		return fail(err.Error())
	}
	switch {
	case isDir(full):
		return store.Source{Kind: SourceDir, URL: full}, serviceName(full), nil
	case pathLike:
		return fail("there is no directory " + full)
	case scpLike.MatchString(text):
		return store.Source{Kind: SourceGit, URL: text}, serviceName(text), nil
	case ownerRepo.MatchString(text) && !strings.Contains(text, ".."):
		return store.Source{Kind: SourceGitea, URL: strings.TrimSuffix(text, ".git")}, serviceName(text), nil
	case hostedName.MatchString(text):
		return store.Source{Kind: SourceHosted, URL: strings.TrimSuffix(text, ".git")}, serviceName(text), nil
	}
	return fail("it is no directory, no URL and not of the form owner/repo")
}

func parseURL(text string, fail func(string) (store.Source, string, error)) (store.Source, string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return fail("it is not a URL")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return fail("a Git URL has no ? and no #; give the branch with --ref")
	}
	switch u.Scheme {
	case "https", "http", "ssh":
		if u.Hostname() == "" || strings.Trim(u.Path, "/") == "" {
			return fail("it lacks a host or a path")
		}
	case "file":
		if u.Host != "" && u.Host != "localhost" || !path.IsAbs(u.Path) {
			return fail("a file URL is file:///absolute/path")
		}
		return store.Source{Kind: SourceGit, URL: "file://" + path.Clean(u.Path)}, serviceName(u.Path), nil
	default:
		return fail(u.Scheme + " is not supported")
	}
	if _, secret := u.User.Password(); secret || u.User != nil && u.Scheme != "ssh" {
		return fail("it holds credentials, which would be stored and shown; connect its Gitea (`aictl gitea connect`), or put them into ~/.netrc (machine " +
			u.Hostname() + " login … password …) of the user that runs aictl")
	}
	return store.Source{Kind: SourceGit, URL: u.String()}, serviceName(u.Path), nil
}

// shown is a source without the credentials it may hold.
func shown(text string) string {
	if i := strings.Index(text, "://"); i >= 0 {
		if at := strings.LastIndex(text, "@"); at > i {
			return text[:i+3] + "***" + text[at:]
		}
	}
	return text
}

// serviceName makes a service's name of the last element of a path: lower case, letters, digits and dashes.
func serviceName(p string) string {
	p = strings.TrimSuffix(strings.TrimRight(p, "/"), ".git")
	p = strings.ToLower(p[strings.LastIndexAny(p, "/:")+1:])
	var b strings.Builder
	for _, r := range p {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	name := strings.Trim(b.String()[:min(b.Len(), 63)], "-")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = strings.TrimRight("svc-"+name, "-")
	}
	return name[:min(len(name), 63)]
}
