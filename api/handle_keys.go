package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"aictl/configs"
	"aictl/gateway"
	"aictl/store"
)

// Keys keeps API keys of services. Changes hold for the next request.
type Keys interface {
	Keys(ctx context.Context) ([]store.APIKey, error) // by name
	// CreateKey stores a key: a taken name is store.ErrConflict, an unknown service store.ErrNotFound.
	CreateKey(ctx context.Context, k store.APIKey) error
	// RevokeKey forgets a key, or returns store.ErrNotFound.
	RevokeKey(ctx context.Context, name string) error
}

// noKeys is what a server without a keyring has.
type noKeys struct{}

var errNoKeys = errors.New("this daemon keeps no API keys")

func (noKeys) Keys(context.Context) ([]store.APIKey, error)  { return nil, nil }
func (noKeys) CreateKey(context.Context, store.APIKey) error { return errNoKeys }
func (noKeys) RevokeKey(_ context.Context, name string) error {
	return fmt.Errorf("API key %s: %w", name, store.ErrNotFound)
}

type keyInput struct{ Body KeyRequest }

type keyNameInput struct {
	Name string `path:"name" maxLength:"100" doc:"The key's name"`
}

func (s *Server) listKeys(ctx context.Context, _ *struct{}) (KeyList, error) {
	keys, err := s.deps.Keys.Keys(ctx)
	list := KeyList{SchemaVersion: SchemaVersion, Keys: []Key{}}
	for _, k := range keys {
		one, err := s.renderKey(k)
		if err != nil {
			return KeyList{}, err
		}
		list.Keys = append(list.Keys, one)
	}
	return list, err
}

func (s *Server) createKey(ctx context.Context, in *keyInput) (KeyCreated, error) {
	secret := gateway.NewKey()
	k, err := s.keyOf(in.Body, secret, actor(ctx))
	if err != nil {
		return KeyCreated{}, err
	}
	if err := s.deps.Keys.CreateKey(ctx, k); err != nil {
		return KeyCreated{}, err
	}
	s.log.Info("API key created", "key", k.Name, "service", k.Service, "actor", k.Actor)
	doc, err := s.renderKey(k)
	return KeyCreated{SchemaVersion: SchemaVersion, Key: doc, Secret: secret}, err
}

func (s *Server) revokeKey(ctx context.Context, in *keyNameInput) (KeyDocument, error) {
	keys, err := s.deps.Keys.Keys(ctx)
	if err != nil {
		return KeyDocument{}, err
	}
	revoked := store.APIKey{Name: in.Name, Rate: []byte("{}")}
	for _, k := range keys {
		if k.Name == in.Name {
			revoked = k
		}
	}
	if err := s.deps.Keys.RevokeKey(ctx, in.Name); err != nil {
		return KeyDocument{}, err
	}
	s.log.Info("API key revoked", "key", in.Name, "service", revoked.Service, "actor", actor(ctx))
	key, err := s.renderKey(revoked)
	return KeyDocument{SchemaVersion: SchemaVersion, Key: key}, err
}

// keyOf is the key that a request asks for.
func (s *Server) keyOf(r KeyRequest, secret, actor string) (store.APIKey, error) {
	now := s.deps.Now().UTC()
	switch {
	case r.Service == "" && !r.All:
		return store.APIKey{}, invalid("body.service", "name the service that the key is for, or set all")
	case r.Service != "" && r.All:
		return store.APIKey{}, invalid("body.all", "a key is for one service or for all: leave one of the two out")
	case !r.ExpiresAt.IsZero() && !r.ExpiresAt.After(now):
		return store.APIKey{}, invalid("body.expires_at", "is past: the key would never be good for anything")
	case r.Burst > 0 && r.Rate == "":
		return store.APIKey{}, invalid("body.burst", "belongs to a rate: set rate as well")
	}
	var rate configs.Rate
	if r.Rate != "" {
		var err error
		if rate, err = configs.ParseRate(r.Rate); err != nil {
			return store.APIKey{}, invalid("body.rate", err.Error())
		}
		rate.Burst = r.Burst
	}
	text, err := json.Marshal(rate)
	if err != nil {
		return store.APIKey{}, fmt.Errorf("write the rate of API key %s: %w", r.Name, err)
	}
	return store.APIKey{
		Name: r.Name, Service: r.Service, Hash: gateway.HashKey(secret), Hint: secret[len(secret)-4:], Rate: text, Actor: actor,
		CreatedAt: now.Truncate(time.Microsecond), ExpiresAt: r.ExpiresAt.UTC(),
	}, nil
}

func (s *Server) renderKey(k store.APIKey) (Key, error) {
	var rate configs.Rate
	if err := json.Unmarshal(k.Rate, &rate); err != nil {
		return Key{}, fmt.Errorf("read the rate of API key %s: %w", k.Name, err)
	}
	return Key{
		Name: k.Name, Service: k.Service, Hint: k.Hint, Rate: rate.String(), Burst: rate.Burst, Actor: k.Actor, CreatedAt: k.CreatedAt,
		ExpiresAt: k.ExpiresAt, Expired: !k.ExpiresAt.IsZero() && !s.deps.Now().Before(k.ExpiresAt),
	}, nil
}
