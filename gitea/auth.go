package gitea

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	gossh "golang.org/x/crypto/ssh"
)

// Auth are the credentials for one repository. They are handed to each operation and never written to a file.
// The zero value means: ~/.netrc for http, the SSH agent or the usual key files for ssh.
type Auth struct {
	User       string // of HTTP; any will do beside a Gitea token
	Token      string // a password or token
	SSHKey     string // a private key file
	Passphrase string // of SSHKey
	KnownHosts string // a known_hosts file; "" is ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts
	Scope      string // the beginning of the addresses that Token may be sent to; "" is the repository's host
	Anonymous  bool   // nothing is sent, and nothing is looked for
}

// sshDialTimeout bounds the connection to an SSH server, which go-git does not cancel.
const sshDialTimeout = 20 * time.Second

func (a Auth) secrets() []string {
	var out []string
	for _, s := range []string{a.Token, a.Passphrase} {
		if s != "" {
			out = append(out, s, url.QueryEscape(s), url.PathEscape(s))
		}
	}
	return out
}

// method returns what go-git needs to authenticate at u.
func (a Auth) method(u string) (transport.AuthMethod, error) {
	ep, err := transport.NewEndpoint(u)
	if err != nil {
		return nil, err
	}
	switch ep.Protocol {
	case "http", "https":
		return a.http(ep), nil
	case "ssh":
		return a.ssh(ep)
	}
	return nil, nil
}

func (a Auth) http(ep *transport.Endpoint) transport.AuthMethod {
	user, token := a.User, a.Token
	if token == "" {
		return nil
	}
	if user == "" {
		user = "aictl"
	}
	return &githttp.BasicAuth{Username: user, Password: token}
}

func (a Auth) ssh(ep *transport.Endpoint) (transport.AuthMethod, error) {
	user := ep.User
	if user == "" {
		user = "git"
	}
	var files []string
	if a.KnownHosts != "" {
		files = []string{a.KnownHosts}
	}
	db, err := gitssh.NewKnownHostsDb(files...)
	if err != nil {
		return nil, fmt.Errorf("read known_hosts: %w", err)
	}
	port := ep.Port
	if port == 0 {
		port = 22
	}
	cfg := &gossh.ClientConfig{
		User: user, Timeout: sshDialTimeout,
		HostKeyCallback:   db.HostKeyCallback(),
		HostKeyAlgorithms: db.HostKeyAlgorithms(net.JoinHostPort(ep.Host, fmt.Sprint(port))),
	}
	if cfg.Auth, err = a.signers(user); err != nil {
		return nil, err
	}
	return &sshAuth{cfg}, nil
}

// signers offers the configured key, else the agent's keys, else the usual key files.
func (a Auth) signers(user string) ([]gossh.AuthMethod, error) {
	if a.SSHKey != "" {
		k, err := gitssh.NewPublicKeysFromFile(user, a.SSHKey, a.Passphrase)
		if err != nil {
			return nil, fmt.Errorf("read the SSH key %s: %w", a.SSHKey, err)
		}
		return []gossh.AuthMethod{gossh.PublicKeys(k.Signer)}, nil
	}
	if os.Getenv("SSH_AUTH_SOCK") != "" {
		if agent, err := gitssh.NewSSHAgentAuth(user); err == nil {
			return []gossh.AuthMethod{gossh.PublicKeysCallback(agent.Callback)}, nil
		}
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, err
	}
	var keys []gossh.Signer
	for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		if k, err := gitssh.NewPublicKeysFromFile(user, filepath.Join(home, ".ssh", name), ""); err == nil {
			keys = append(keys, k.Signer)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%w: no key in %s and no agent", errNoKey, filepath.Join(home, ".ssh"))
	}
	return []gossh.AuthMethod{gossh.PublicKeys(keys...)}, nil
}

// errNoKey reads like the refusal it leads to, so that it is told as one.
var errNoKey = errors.New("unable to authenticate")

// sshAuth is a ready client configuration as go-git wants it.
type sshAuth struct{ cfg *gossh.ClientConfig }

func (s *sshAuth) Name() string                               { return "ssh-public-keys" }
func (s *sshAuth) String() string                             { return s.Name() }
func (s *sshAuth) ClientConfig() (*gossh.ClientConfig, error) { return s.cfg, nil }

// Netrc returns the login and password that a netrc file holds for host; file "" is ~/.netrc.
// A missing file or host gives empty strings.
func Netrc(file, host string) (login, password string) {
	if file == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", ""
		}
		file = filepath.Join(home, ".netrc")
	}
	f, err := os.Open(file)
	if err != nil {
		return "", ""
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Split(bufio.ScanWords)
	return scanNetrc(sc, host)
}

func scanNetrc(sc *bufio.Scanner, host string) (login, password string) {
	mine := false
	next := func() string {
		sc.Scan()
		return sc.Text()
	}
	for sc.Scan() {
		switch sc.Text() {
		case "machine":
			if mine {
				return login, password
			}
			mine = strings.EqualFold(next(), host)
		case "default":
			if mine {
				return login, password
			}
			mine = true
		case "login":
			if v := next(); mine {
				login = v
			}
		case "password":
			if v := next(); mine {
				password = v
			}
		case "account":
			next()
		}
	}
	return login, password
}
