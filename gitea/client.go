package gitea

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	sdk "code.gitea.io/sdk/gitea"
)

// What a Gitea may take and say: more is an error, not memory.
const (
	apiTimeout = 20 * time.Second
	apiBody    = 8 << 20
)

// ClientConfig is a configured Gitea. HTTP may be nil.
type ClientConfig struct {
	URL   string // of the web interface, https://git.example.com/
	Token string
	HTTP  *http.Client
}

// Client speaks to one Gitea.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// Account is whom a token belongs to.
type Account struct {
	Login   string
	Admin   bool
	Version string // of the server
}

// Repo is a repository of the configured Gitea with what a clone needs.
type Repo struct {
	FullName      string // owner/name as Gitea spells it
	CloneURL      string
	Auth          Auth
	DefaultBranch string
	Empty         bool
	Private       bool
}

// NewClient checks the address only; nothing is sent.
func NewClient(cfg ClientConfig) (*Client, error) {
	u, err := url.Parse(strings.TrimRight(cfg.URL, "/"))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("the Gitea address %q is not an http or https URL; it looks like https://git.example.com", Mask(cfg.URL))
	}
	if u.User != nil {
		return nil, fmt.Errorf("the Gitea address %s holds credentials; give the token by itself", Mask(cfg.URL))
	}
	hc := http.Client{}
	if cfg.HTTP != nil {
		hc = *cfg.HTTP
	}
	hc.Transport = &bounded{hc.Transport}
	if hc.Timeout == 0 {
		hc.Timeout = apiTimeout
	}
	hc.CheckRedirect = stay
	return &Client{base: u, token: cfg.Token, http: &hc}, nil
}

// mostRedirects bounds how often a Gitea may send on, as it does for repositories that were renamed.
const mostRedirects = 5

// stay follows a redirect within the same server only, and of calls that read: by itself a client would take the token along to
// subdomains and from https to http, and make a GET of a POST.
func stay(req *http.Request, via []*http.Request) error {
	from := via[0]
	if from.Method != http.MethodGet || req.URL.Scheme != from.URL.Scheme || req.URL.Host != from.URL.Host || len(via) > mostRedirects {
		return http.ErrUseLastResponse
	}
	return nil
}

// URL is the Gitea's address without a trailing slash.
func (c *Client) URL() string { return c.base.String() }

// Auth are the credentials for the repositories of this Gitea.
func (c *Client) Auth() Auth { return Auth{Token: c.token, Scope: c.base.String() + "/"} }

// Owns reports whether a clone URL leads to this Gitea, so that its token may be sent there.
func (c *Client) Owns(raw string) bool {
	u, err := url.Parse(Address(raw))
	if err != nil || u.Host == "" {
		return false
	}
	base, err := url.Parse(Address(c.base.String()))
	return err == nil && u.Scheme == base.Scheme && u.Host == base.Host && strings.HasPrefix(u.Path, strings.TrimRight(base.Path, "/")+"/")
}

// api is the SDK's client for one call: it holds a single context.
func (c *Client) api(ctx context.Context) (*sdk.Client, error) {
	return sdk.NewClient(c.base.String(), sdk.SetContext(ctx), sdk.SetHTTPClient(c.http),
		sdk.SetToken(c.token), sdk.SetGiteaVersion("")) // "": do not ask for the version first
}

// Check asks who the token belongs to and what the server runs.
func (c *Client) Check(ctx context.Context) (Account, error) {
	api, err := c.api(ctx)
	if err != nil {
		return Account{}, c.explain("connect to", "", err, nil)
	}
	version, res, err := api.ServerVersion()
	if err != nil {
		return Account{}, c.explain("ask the version of", "", err, res)
	}
	if c.token == "" {
		return Account{Version: version}, nil
	}
	me, res, err := api.GetMyUserInfo()
	if err != nil {
		return Account{}, c.explain("check the token at", "", err, res)
	}
	return Account{Login: me.UserName, Admin: me.IsAdmin, Version: version}, nil
}

// Repo finds owner/name. The clone URL is built on the configured address, not on the one Gitea believes to have,
// which is often wrong behind a proxy and would be sent the token.
func (c *Client) Repo(ctx context.Context, fullName string) (Repo, error) {
	owner, name, ok := strings.Cut(fullName, "/")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") {
		return Repo{}, fmt.Errorf("%w: %q is not of the form owner/repository", ErrNotRepository, fullName)
	}
	api, err := c.api(ctx)
	if err != nil {
		return Repo{}, c.explain("connect to", "", err, nil)
	}
	r, res, err := api.GetRepo(owner, strings.TrimSuffix(name, ".git"))
	if err != nil {
		return Repo{}, c.explain("find "+fullName+" on", fullName, err, res)
	}
	return Repo{
		FullName: r.FullName, CloneURL: c.base.JoinPath(r.FullName + ".git").String(), Auth: c.Auth(),
		DefaultBranch: r.DefaultBranch, Empty: r.Empty, Private: r.Private,
	}, nil
}

// explain says what an answer of Gitea means for the user.
func (c *Client) explain(doing, repo string, err error, res *sdk.Response) error {
	what := doing + " " + c.base.String()
	for _, ended := range []error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, ended) {
			return fmt.Errorf("%s: %w: no answer in time: %w", what, ErrUnreachable, ended)
		}
	}
	if errors.Is(err, http.ErrSchemeMismatch) {
		return fmt.Errorf("%s: %w: it speaks http and not https there; give an address with http://, or the port of TLS", what, ErrUnreachable)
	}
	if res == nil || res.Response == nil {
		return fmt.Errorf("%s: %w: %s", what, ErrUnreachable, Mask(err.Error(), c.token))
	}
	switch {
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return fmt.Errorf("%s: %w: it sends elsewhere, to %s; connect to that address", what, ErrUnreachable, Mask(res.Header.Get("Location"), c.token))
	case res.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("%s: %w: the token was refused; make a new one in Gitea under Settings → Applications and give it to aictl (`aictl gitea connect %s`, or AICTL_GITEA_TOKEN or gitea.token_file where those are used)", what, ErrAuth, c.base)
	case res.StatusCode == http.StatusForbidden:
		return fmt.Errorf("%s: %w: the token lacks a scope (%s); it needs at least read:repository and read:user", what, ErrAuth, Mask(err.Error(), c.token))
	case res.StatusCode == http.StatusNotFound && repo != "":
		return fmt.Errorf("%s: %w: there is no such repository, or the token may not read it", what, ErrNotRepository)
	case res.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%s: %w: this is not a Gitea, or the address lacks its path", what, ErrUnreachable)
	case res.StatusCode >= 500:
		return fmt.Errorf("%s: %w: it answered with status %d; look at its log", what, ErrUnreachable, res.StatusCode)
	}
	return fmt.Errorf("%s: status %d: %s", what, res.StatusCode, Mask(err.Error(), c.token))
}

// bounded is a transport whose answers end after apiBody bytes: the SDK reads them whole.
type bounded struct{ next http.RoundTripper }

func (b *bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	next := b.next
	if next == nil {
		next = http.DefaultTransport
	}
	res, err := next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	res.Body = &boundedBody{ReadCloser: res.Body, left: apiBody}
	return res, nil
}

type boundedBody struct {
	io.ReadCloser
	left int64
}

var errTooLong = errors.New("the answer is too long for a Gitea")

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
