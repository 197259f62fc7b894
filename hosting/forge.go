package hosting

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Forge is a connected forge: what is asked below /git/~NAME/ is asked there, with its token.
type Forge struct {
	URL   string // of its web interface, as https://git.example.com
	User  string // beside the token; "" will do for most
	Token string
	HTTP  http.RoundTripper // nil: one of this package's
}

// forgePath is what may be asked of a forge: the protocols of Git and LFS of one repository, nothing of its API or pages.
var forgePath = regexp.MustCompile(`^([A-Za-z0-9._-]+)/([A-Za-z0-9._-]+)/([A-Za-z0-9._-]+?)(?:\.git)?/(info/refs|git-upload-pack|git-receive-pack|info/lfs/.+)$`)

// forgeWait is how long a forge may think about a push before its answer begins.
const forgeWait = 30 * time.Minute

var forgeTransport = &http.Transport{
	Proxy: http.ProxyFromEnvironment, ResponseHeaderTimeout: forgeWait, TLSHandshakeTimeout: 20 * time.Second,
	MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute, ExpectContinueTimeout: time.Second, ForceAttemptHTTP2: true,
	DisableCompression: true,
}

// serveForge hands a request through to a connected forge; rest is FORGE/owner/repository.git/….
func (h *Host) serveForge(w http.ResponseWriter, r *http.Request, rest string) {
	m := forgePath.FindStringSubmatch(rest)
	if m == nil || dotted(m[2]) || dotted(m[3]) || dotted(m[4:]...) {
		h.refuse(w, http.StatusNotFound, "repositories of a connected Gitea are at "+Prefix+"~GITEA/owner/repository.git")
		return
	}
	name, owner, repo, what := m[1], m[2], m[3], m[4]
	forge, target, err := h.forge(r, name)
	if err != nil {
		h.refuse(w, http.StatusNotFound, err.Error())
		return
	}
	ctl := http.NewResponseController(w)
	if err := ctl.EnableFullDuplex(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		h.fail(w, err)
		return
	}
	body := &incoming{left: h.cfg.MaxPush}
	body.Reader = &patient{Reader: r.Body, ctl: ctl, last: &body.last}
	here := here{ours: selfURL(r) + Prefix + "~" + name + "/", auth: r.Header.Get("Authorization"), theirs: target, repo: owner + "/" + repo + ".git", token: forge.Token}
	proxy := &httputil.ReverseProxy{
		Transport: forge.HTTP, FlushInterval: -1,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host = target.Scheme, target.Host
			p.Out.URL.Path, p.Out.URL.RawPath = strings.TrimRight(target.Path, "/")+"/"+owner+"/"+repo+".git/"+what, ""
			p.Out.Host = target.Host
			p.Out.Header.Del("Authorization")
			p.Out.Header.Del("Cookie")
			if forge.Token != "" {
				p.Out.SetBasicAuth(userOf(forge), forge.Token)
			}
			if p.Out.Body != nil && p.Out.Body != http.NoBody {
				p.Out.Body = struct {
					io.Reader
					io.Closer
				}{body, r.Body}
			}
		},
		ModifyResponse: func(res *http.Response) error {
			res.Header.Del("Set-Cookie")
			res.Header.Del("Www-Authenticate") // it asks for the token of the forge, which the caller has not
			if res.StatusCode == http.StatusUnauthorized {
				return fmt.Errorf("%s refused its token: connect it again with `aictl gitea connect`", name)
			}
			if what == "git-receive-pack" && res.StatusCode == http.StatusOK {
				res.Body = &passing{ReadCloser: res.Body, done: func() { h.passed(name) }}
			}
			if what == "info/lfs/objects/batch" && res.StatusCode == http.StatusOK {
				return here.rewrite(res)
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			h.log.Warn("forge did not answer", "forge", name, "repository", owner+"/"+repo, "err", err)
			h.refuse(w, http.StatusBadGateway, fmt.Sprintf("%s at %s did not answer as it should: %v", name, target.Host, err))
		},
	}
	if proxy.Transport == nil {
		proxy.Transport = forgeTransport
	}
	proxy.ServeHTTP(w, r)
}

// passing tells when an answer has been read to its end.
type passing struct {
	io.ReadCloser
	once sync.Once
	done func()
}

func (p *passing) Close() error {
	p.once.Do(p.done)
	return p.ReadCloser.Close()
}

func (h *Host) passed(forge string) {
	if h.cfg.Passed != nil {
		h.cfg.Passed(forge)
	}
}

func (h *Host) forge(r *http.Request, name string) (Forge, *url.URL, error) {
	if h.cfg.Forge == nil {
		return Forge{}, nil, fmt.Errorf("no Gitea %q is connected: `aictl gitea connect URL`", name)
	}
	forge, err := h.cfg.Forge(r.Context(), name)
	if err != nil {
		return Forge{}, nil, err
	}
	target, err := url.Parse(forge.URL)
	if err != nil || target.Host == "" {
		return Forge{}, nil, fmt.Errorf("the address of %s cannot be read: connect it again", name)
	}
	return forge, target, nil
}

func userOf(f Forge) string {
	if f.User == "" {
		return "aictl"
	}
	return f.User
}

// dotted reports whether a path has an element that leads elsewhere.
func dotted(parts ...string) bool {
	for _, p := range parts {
		for e := range strings.SplitSeq(p, "/") {
			if e == "." || e == ".." || e == "" {
				return true
			}
		}
	}
	return false
}

// here is this server as its caller reaches it, and the forge behind it.
type here struct {
	ours, auth string
	theirs     *url.URL
	repo       string // owner/name.git
	token      string // of the forge
}

// rewrite makes the addresses in a forge's answer about LFS objects lead through here, so that the caller needs no token
// of the forge. Addresses of other hosts, such as object stores, are signed by themselves and stay.
func (a here) rewrite(res *http.Response) error {
	data, err := io.ReadAll(io.LimitReader(res.Body, maxBatch+1))
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return err
	}
	if len(data) > maxBatch {
		return errors.New("its answer about LFS objects is too long")
	}
	var doc map[string]any
	if err := json.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("its answer about LFS objects is no JSON: %w", err)
	}
	objects, ok := doc["objects"].([]any)
	if !ok {
		objects = nil
	}
	for _, o := range objects {
		object, ok := o.(map[string]any)
		if !ok {
			continue
		}
		actions, ok := object["actions"].(map[string]any)
		if !ok {
			continue
		}
		for _, v := range actions {
			if action, ok := v.(map[string]any); ok {
				a.redirect(action)
			}
		}
	}
	if data, err = json.Marshal(doc); err != nil {
		return err
	}
	res.Body = io.NopCloser(bytes.NewReader(data))
	res.ContentLength = int64(len(data))
	res.Header.Set("Content-Length", strconv.Itoa(len(data)))
	return nil
}

func (a here) redirect(action map[string]any) {
	href, ok := action["href"].(string)
	if !ok {
		return
	}
	header := map[string]any{}
	old, ok := action["header"].(map[string]any)
	if !ok {
		old = nil
	}
	u, err := url.Parse(href)
	rest := ""
	if err == nil {
		rest = a.below(u)
	}
	for k, v := range old {
		if !strings.EqualFold(k, "Authorization") || rest == "" && !a.isToken(v) {
			header[k] = v
		}
	}
	if rest != "" {
		action["href"] = a.ours + rest
		if a.auth != "" {
			header["Authorization"] = a.auth
		}
	}
	if old != nil || len(header) > 0 {
		action["header"] = header
	}
}

// below is where an address of the forge's LFS lies below the forge, "" for an address of somebody else. A forge behind a proxy
// often believes to have another address than it is reached at, so that the end of the path counts, too.
func (a here) below(u *url.URL) string {
	own := "/" + a.repo + "/info/lfs/"
	if at := strings.LastIndex(u.Path, own); at >= 0 && !dotted(strings.TrimPrefix(u.Path[at:], "/")) {
		return u.Path[at+1:]
	}
	rest, ok := strings.CutPrefix(u.Path, strings.TrimRight(a.theirs.Path, "/")+"/")
	if ok && strings.EqualFold(u.Host, a.theirs.Host) && strings.Contains(rest, "/info/lfs/") {
		return rest
	}
	return ""
}

// isToken reports whether a header repeats the token that the forge was asked with, as Gitea's answers do.
func (a here) isToken(value any) bool {
	text, ok := value.(string)
	if !ok || a.token == "" {
		return false
	}
	asked := http.Request{Header: http.Header{"Authorization": {text}}}
	_, password, basic := asked.BasicAuth()
	return strings.Contains(text, a.token) || basic && strings.Contains(password, a.token)
}
