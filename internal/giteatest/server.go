package giteatest

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Options change what a Server does by default. The zero value is a Gitea set up as aictl's documentation asks for.
type Options struct {
	Version        string        // of the server, 1.22.3
	AllowedHosts   string        // webhook.ALLOWED_HOST_LIST; "" is loopback,private. A fresh Gitea has "external"
	DeliverTimeout time.Duration // webhook.DELIVER_TIMEOUT, 5 s
	NoLFS          bool          // LFS_START_SERVER = false
	PageSize       int           // the most items of one answer, 50
}

// Server is a Gitea on a port of 127.0.0.1. It ends with its test.
type Server struct {
	URL string // without a trailing slash

	opts Options
	dir  string // of the bare repositories and LFS objects
	git  string // the program
	http *httptest.Server

	mu         sync.Mutex
	ids        int64
	users      map[string]*User
	tokens     map[string]*token
	repos      map[string]*Repo // by lower case owner/name
	intercept  []func(http.ResponseWriter, *http.Request) bool
	down       bool
	deliveries []Delivery
	queue      []*delivery
	wake       chan struct{}
	requests   []string
}

// User is an account or, with Org set, an organisation whose members may do what they like in it.
type User struct {
	ID       int64
	Login    string
	Password string
	Admin    bool
	Org      bool
	Members  []string
}

type token struct {
	user   *User
	scopes []string
}

// New starts a Server. It needs the git program.
func New(t testing.TB, opts Options) *Server {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal("the git program is missing: make setup-test installs it")
	}
	if opts.Version == "" {
		opts.Version = "1.22.3"
	}
	if opts.AllowedHosts == "" {
		opts.AllowedHosts = "loopback,private"
	}
	if opts.DeliverTimeout == 0 {
		opts.DeliverTimeout = 5 * time.Second
	}
	if opts.PageSize == 0 {
		opts.PageSize = 50
	}
	s := &Server{opts: opts, dir: t.TempDir(), git: git, users: map[string]*User{}, tokens: map[string]*token{}, repos: map[string]*Repo{}, wake: make(chan struct{}, 1)}
	s.http = httptest.NewServer(s.handler())
	s.URL = s.http.URL
	stop := s.deliver()
	t.Cleanup(func() {
		stop()
		s.http.CloseClientConnections()
		s.http.Close()
	})
	return s
}

// User makes an account, or returns the one of this name. Its password is "password-" and its name.
func (s *Server) User(login string) *User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.userLocked(login)
}

func (s *Server) userLocked(login string) *User {
	u := s.users[strings.ToLower(login)]
	if u == nil {
		u = &User{ID: s.id(), Login: login, Password: "password-" + login}
		s.users[strings.ToLower(login)] = u
	}
	return u
}

// Org makes an organisation with members, who are made when they are not there yet.
func (s *Server) Org(name string, members ...string) *User {
	s.mu.Lock()
	defer s.mu.Unlock()
	org := s.userLocked(name)
	org.Org = true
	for _, m := range members {
		s.userLocked(m)
		org.Members = append(org.Members, strings.ToLower(m))
	}
	return org
}

// Token makes an access token of a user, who is made when not there yet. Scopes are Gitea's: all, read:repository, write:user …
func (s *Server) Token(login string, scopes ...string) string {
	u := s.User(login)
	raw := make([]byte, 20)
	if _, err := rand.Read(raw); err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	secret := hex.EncodeToString(raw)
	s.tokens[secret] = &token{user: u, scopes: scopes}
	return secret
}

// Revoke makes a token worthless.
func (s *Server) Revoke(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, secret)
}

// SetDown ends every connection before an answer, or stops doing so. The port stays taken, so that nobody else gets it.
func (s *Server) SetDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// Intercept is asked before anything else; when it says true, it has answered. It may also block, which is a server that stalls. The last one
// that was given is asked first. The returned function takes it back.
func (s *Server) Intercept(f func(http.ResponseWriter, *http.Request) bool) (undo func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := len(s.intercept)
	s.intercept = append(s.intercept, f)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.intercept[at] = nil
	}
}

// Stall makes every request whose path contains part wait until the client leaves or the returned function is called.
func (s *Server) Stall(part string) (undo func()) {
	released := make(chan struct{})
	var once sync.Once
	back := s.Intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, part) {
			return false
		}
		select {
		case <-released:
			return false
		case <-r.Context().Done():
			return true
		}
	})
	return func() {
		back()
		once.Do(func() { close(released) })
	}
}

// Fail answers every request whose path contains part with a status.
func (s *Server) Fail(part string, status int) (undo func()) {
	return s.Intercept(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, part) {
			return false
		}
		problem(w, status, "on purpose")
		return true
	})
}

// Requests are the method and path of every request so far, in order of arrival.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *Server) id() int64 {
	s.ids++
	return s.ids
}

func (s *Server) handler() http.Handler {
	api := s.api()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Method+" "+r.URL.Path)
		down, asked := s.down, slices.Clone(s.intercept)
		s.mu.Unlock()
		if down {
			panic(http.ErrAbortHandler)
		}
		for _, f := range slices.Backward(asked) {
			if f != nil && f(w, r) {
				return
			}
		}
		if strings.HasPrefix(r.URL.Path, "/api/v1/") {
			api.ServeHTTP(w, r)
			return
		}
		s.serveGit(w, r)
	})
}
