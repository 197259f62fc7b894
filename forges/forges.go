// Package forges keeps the connections to Giteas: those that were made with `aictl gitea connect`, and the one that the settings name.
package forges

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"aictl/configs"
	"aictl/gitea"
	"aictl/store"
)

// Errors that callers branch on.
var (
	// ErrNone is returned where a Gitea is needed and none is connected.
	ErrNone = errors.New("no Gitea is connected: connect one with `aictl gitea connect URL`")
	// ErrGiven is returned for changes of a connection that the settings or the environment make.
	ErrGiven = errors.New("this connection is not aictl's to change")
	// ErrBad is returned for connections that cannot be made as asked.
	ErrBad = errors.New("this Gitea cannot be connected")
)

// Kept is where connections are stored; *store.Store is one.
type Kept interface {
	Forges(ctx context.Context) ([]store.Forge, error)
	Forge(ctx context.Context, name string) (store.Forge, error)
	SaveForge(ctx context.Context, f store.Forge, actor string) (store.Forge, error)
	RemoveForge(ctx context.Context, name, actor string) error
	ForgeHistory(ctx context.Context, name string, before int64, n int) ([]store.ForgeChange, error)
	ForgeAt(ctx context.Context, revision int64) (store.Forge, error)
	ForgeSecret(ctx context.Context, url string) (string, error)
	PinSources(ctx context.Context, url string) ([]string, error)
	Services(ctx context.Context, after string, n int) ([]store.Service, error)
}

// Deps is what a Book works with. HTTP and Logger may be nil.
type Deps struct {
	Store    Kept
	Settings func() configs.Settings
	HTTP     *http.Client
	Logger   *slog.Logger
}

// Book has the connections. Its methods may be called from any goroutine.
type Book struct {
	Deps
	log *slog.Logger
}

// New makes a Book; nothing is sent.
func New(d Deps) *Book {
	b := &Book{Deps: d, log: d.Logger}
	if b.log == nil {
		b.log = slog.Default()
	}
	return b
}

// List returns the connections, the default one first. Token files are read each time, so that a new token needs no restart.
func (b *Book) List(ctx context.Context) ([]gitea.Connection, error) {
	stored, err := b.Store.Forges(ctx)
	if err != nil {
		return nil, err
	}
	var list []gitea.Connection
	for _, w := range merge(given(b.Settings()), stored) {
		c, err := b.open(ctx, w)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// Default is the connection that owner/repo is meant for, or ErrNone.
func (b *Book) Default(ctx context.Context) (gitea.Connection, error) {
	list, err := b.List(ctx)
	if err != nil {
		return gitea.Connection{}, err
	}
	if len(list) == 0 {
		return gitea.Connection{}, ErrNone
	}
	return list[0], nil
}

// Find is the connection of a name, the default one for "". A name that is none is store.ErrNotFound.
func (b *Book) Find(ctx context.Context, name string) (gitea.Connection, error) {
	if name == "" {
		return b.Default(ctx)
	}
	list, err := b.List(ctx)
	if err != nil {
		return gitea.Connection{}, err
	}
	if c, ok := gitea.Named(list, name); ok {
		return c, nil
	}
	return gitea.Connection{}, fmt.Errorf("no Gitea connection is called %s; `aictl gitea list` lists them: %w", name, store.ErrNotFound)
}

func (b *Book) open(ctx context.Context, w wanted) (gitea.Connection, error) {
	c := gitea.Connection{Name: w.Name, Owner: w.Owner, Prefix: w.Prefix, Login: w.Login, Secret: w.Secret, From: w.from}
	token := w.Token
	if token == "" && w.tokenFile != "" {
		data, err := os.ReadFile(w.tokenFile)
		if err != nil {
			c.Err = fmt.Errorf("read the Gitea token (gitea.token_file): %w", err)
		}
		token = strings.TrimSpace(string(data))
	}
	c.Hint = store.Forge{Token: token}.Hint()
	var err error
	if c.Client, err = gitea.NewClient(gitea.ClientConfig{URL: w.URL, Token: token, HTTP: b.HTTP}); err != nil {
		return c, err
	}
	if c.Secret == "" {
		c.Secret, err = b.Store.ForgeSecret(ctx, w.URL)
	}
	return c, err
}
