package main

import (
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"

	"aictl/api"
	"aictl/configs"
)

// dir is the data directory that is meant: the flag's or the variable's, else the user's own.
func (a *app) dir() (string, error) {
	if a.dataDir != "" {
		return filepath.Abs(a.dataDir)
	}
	return configs.DefaultDataDir(), nil
}

// connect makes a client of the daemon that is meant: --server elsewhere, else the socket in the data directory.
func (a *app) connect() (*api.Client, error) {
	if a.server != "" {
		client, err := api.NewClient(api.Target{URL: a.server, Token: a.token, CAFile: a.caFile})
		if err != nil {
			return nil, fail(exitUsage, err, "")
		}
		return client, nil
	}
	if _, err := a.dir(); err != nil {
		return nil, fail(exitUsage, err, "")
	}
	return api.NewClient(api.Target{Socket: a.socket()})
}

// socket is the API's in the data directory, "" when there is none.
func (a *app) socket() string {
	dir, err := a.dir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "run", "api.sock")
}

// remote reports whether the daemon is on another machine, where local paths mean nothing.
func (a *app) remote() bool {
	if a.server == "" {
		return false
	}
	u, err := url.Parse(a.server)
	if err != nil {
		return true
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return host != "localhost" && (ip == nil || !ip.IsLoopback())
}

// explain is what to tell a person about err: the text, and advice when there is some.
func (a *app) explain(err error) (text, hint string) {
	text = err.Error()
	var f *failure
	if errors.As(err, &f) && f.hint != "" {
		return text, f.hint
	}
	var problem *api.Error
	switch {
	case errors.Is(err, api.ErrUnreachable):
		return a.unreachable(err)
	case errors.As(err, &problem):
		return text, a.adviceFor(problem)
	}
	return text, ""
}

func (a *app) adviceFor(p *api.Error) string {
	switch p.Code {
	case api.CodeUnauthorized:
		return a.t("give the token with --token or AICTL_TOKEN; the server keeps it in api.token in its data directory")
	case api.CodeNotFound:
		if strings.Contains(p.Detail, "aictl ") { // the server gave advice already
			return ""
		}
		return a.t("`aictl status` lists the services, `aictl deploys` the deploys, `aictl records list` the records")
	case api.CodeInternal:
		return a.t("the daemon's own log says more")
	}
	return ""
}

// unreachable says where no daemon answers, and why not when the kernel gave a reason.
func (a *app) unreachable(err error) (text, hint string) {
	where := a.server
	if where == "" {
		where = "unix:" + a.socket()
	}
	text = a.t("no daemon answers at %s", where)
	var errno syscall.Errno
	if errors.As(err, &errno) {
		text += " (" + errno.Error() + ")"
	}
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		return text + " (" + untrusted.Error() + ")", a.t("name a file with the authority that vouches for the certificate: --ca-file or AICTL_CA_FILE")
	case a.server != "":
		return text, a.t("check the address, and that the daemon there listens on it (aictl daemon --listen)")
	case a.dataDir == "":
		return text, a.t("start one with `aictl daemon`; one with another data directory is reached with --data-dir or AICTL_DATA_DIR")
	}
	return text, a.t("start one with `%s`", a.command("daemon"))
}
