package main

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"sync"
	"time"

	"aictl/api"
)

// passage is a way to the daemon for programs that only speak HTTP, such as git: an address of this machine that leads there
// however the daemon is reached, by its socket or by TLS with an authority of its own. It is open while the command runs, and
// only to who has its token, which no command line shows.
type passage struct {
	url   string // http://127.0.0.1:PORT
	token string // value of the header Authorization

	server *http.Server
	wait   sync.WaitGroup
}

// openPassage opens one; close it.
func openPassage(ctx context.Context, client *api.Client) (*passage, error) {
	to, err := client.Passage()
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &passage{url: "http://" + listener.Addr().String(), token: "Bearer " + rand.Text()}
	proxy := &httputil.ReverseProxy{
		Transport: to.Transport, FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to.Base)
			r.Out.Host = to.Base.Host
			r.Out.Header.Del("Authorization")
			if to.Authorization != "" {
				r.Out.Header.Set("Authorization", to.Authorization)
			}
			r.Out.Header.Set("X-Forwarded-Host", r.In.Host) // so that addresses in answers lead back here
			r.Out.Header.Set("X-Forwarded-Proto", "http")
		},
	}
	p.server = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !p.admits(r.Header.Get("Authorization"), to.Authorization) {
				http.Error(w, "this address is for one command of aictl only", http.StatusForbidden)
				return
			}
			if err := http.NewResponseController(w).EnableFullDuplex(); err != nil && !errors.Is(err, http.ErrNotSupported) {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			proxy.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: 10 * time.Second,
	}
	p.wait.Go(func() {
		if err := p.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			panic(err) // the listener was just made
		}
	})
	return p, nil
}

// admits takes the passage's own token, and the daemon's: answers about LFS objects repeat what the daemon was sent.
func (p *passage) admits(got, daemons string) bool {
	same := func(want string) bool {
		return want != "" && subtle.ConstantTimeCompare([]byte(got), []byte(want)) == 1
	}
	return same(p.token) || same(daemons)
}

func (p *passage) close() error {
	err := p.server.Close()
	p.wait.Wait()
	return err
}
