package gitea

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"syscall"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"golang.org/x/crypto/ssh/knownhosts"

	"aictl/gitea/internal/stall"
)

// Errors that callers branch on. Every error of this package names the repository, says what to do next and
// holds no secret.
var (
	ErrNotRepository = errors.New("not a Git repository")
	ErrUnknownRef    = errors.New("unknown ref")
	ErrEmpty         = errors.New("the repository is empty")
	ErrAuth          = errors.New("authentication failed")
	ErrUnreachable   = errors.New("server not reachable")
	ErrNoSpace       = errors.New("no space left")
	// ErrRefused is returned for a commit that cannot be deployed as it is: LFS pointers, submodules, paths or
	// links that leave the tree, a folder that is too large.
	ErrRefused = errors.New("cannot be deployed")
)

// userinfo matches the credentials of a URL wherever it stands in a text.
var userinfo = regexp.MustCompile(`([a-zA-Z][a-zA-Z0-9+.-]*://)[^/\s@'"]+@`)

// Mask replaces the secrets, and the credentials of any URL, in a text meant for people.
func Mask(s string, secrets ...string) string {
	for _, x := range secrets {
		if len(x) >= 4 {
			s = strings.ReplaceAll(s, x, "***")
		}
	}
	if !strings.Contains(s, "://") { // most lines of a build
		return s
	}
	return userinfo.ReplaceAllStringFunc(s, func(m string) string {
		scheme, rest, _ := strings.Cut(m, "://")
		if user := strings.TrimSuffix(rest, "@"); scheme == "ssh" && !strings.Contains(user, ":") {
			return m // a user name is no secret
		}
		return scheme + "://***@"
	})
}

// classify turns what go-git or the system said into an error of this package. The original error is kept as text
// only, because its own chain may hold the credentials.
func (m *Mirror) classify(doing string, err error) error {
	if err == nil {
		return nil
	}
	what := doing + " " + m.shown
	for _, ended := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, ended) {
			return fmt.Errorf("%s: %w", what, ended)
		}
	}
	advice, kind := m.kindOf(err)
	if kind == nil {
		return fmt.Errorf("%s: %s", what, Mask(err.Error(), m.auth.secrets()...))
	}
	return fmt.Errorf("%s: %w: %s", what, kind, Mask(advice, m.auth.secrets()...))
}

// kindOf returns what to do about a fault and its kind, or nil when it is none that is known.
func (m *Mirror) kindOf(err error) (advice string, kind error) {
	var key *knownhosts.KeyError
	var dns *net.DNSError
	var op *net.OpError
	var cert *tls.CertificateVerificationError
	var status *githttp.Err
	var words *said
	text := err.Error()
	if errors.As(err, &words) {
		return m.kindOfSaid(words)
	}
	switch {
	case errors.Is(err, stall.ErrStalled), strings.Contains(text, stall.ErrStalled.Error()):
		return m.stalled(), ErrUnreachable
	case IsNoSpace(err):
		return "free some space below " + m.dir + " or move the data directory", ErrNoSpace
	case errors.Is(err, git.ErrRepositoryNotExists), errors.Is(err, transport.ErrRepositoryNotFound):
		return m.notFoundAdvice(), ErrNotRepository
	case errors.Is(err, transport.ErrEmptyRemoteRepository):
		return "commit and push something first", ErrEmpty
	case errors.Is(err, transport.ErrAuthenticationRequired), errors.Is(err, transport.ErrAuthorizationFailed),
		errors.Is(err, transport.ErrInvalidAuthMethod), strings.Contains(text, "unable to authenticate"):
		return m.authAdvice(), ErrAuth
	case errors.As(err, &key) && len(key.Want) > 0:
		return "the host key has changed; when that is expected, remove the old line with `ssh-keygen -R HOST` and add the new key", ErrAuth
	case errors.As(err, &key), strings.Contains(text, "known_hosts"), strings.Contains(text, "key is unknown"):
		return "the host key is not known; check it and add it with `ssh-keyscan HOST >> ~/.ssh/known_hosts`", ErrAuth
	case errors.As(err, &dns):
		return fmt.Sprintf("host %s cannot be found; check the name and the DNS settings of this machine", dns.Name), ErrUnreachable
	case errors.As(err, &cert):
		return "its certificate is not trusted (" + cert.Err.Error() + "); add the authority to this machine's certificates", ErrUnreachable
	case errors.As(err, &op):
		return op.Err.Error() + "; check that the server runs and that a proxy or firewall lets this machine through", ErrUnreachable
	case errors.As(err, &status):
		return fmt.Sprintf("it answered with status %d; look at the server's log", status.StatusCode()), ErrUnreachable
	case garbled(text):
		return "the server does not answer as a Git server does; " + m.notFoundAdvice(), ErrNotRepository
	}
	return "", nil
}

// garbled reports whether an error's text is of an answer that breaks Git's protocol, or ends in its middle.
func garbled(text string) bool {
	return strings.Contains(text, "pkt-len") || strings.Contains(text, "pkt-line") || strings.Contains(text, "unexpected EOF")
}

func (m *Mirror) notFoundAdvice() string {
	if m.local != "" {
		return "give a directory, a Git repository or a URL"
	}
	return "check the address, and that the account in use may read it"
}

func (m *Mirror) authAdvice() string {
	switch {
	case strings.HasPrefix(m.url, "http") && m.auth.Token == "":
		return "the server asks for credentials; set gitea.url and its token for aictl, or put them into ~/.netrc of the user that runs aictl"
	case strings.HasPrefix(m.url, "http"):
		return "the token was refused; check that it is not revoked and may read this repository"
	}
	return "no SSH key was accepted; add the public key of the user that runs aictl to the account, or start an SSH agent"
}

// IsNoSpace reports whether err says that a disk or a quota is full.
func IsNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
