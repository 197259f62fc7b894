package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"aictl/configs"
	"aictl/gateway"
	"aictl/store"
)

// keyring keeps the API keys in the store and the gateway alike.
type keyring struct {
	store   *store.Store
	gateway *gateway.Gateway
	mu      sync.Mutex // one change at a time, in the same order in both
}

// Keys implements api.Keys.
func (k *keyring) Keys(ctx context.Context) ([]store.APIKey, error) { return k.store.APIKeys(ctx) }

// CreateKey implements api.Keys.
func (k *keyring) CreateKey(ctx context.Context, key store.APIKey) error {
	return k.change(func() error { return k.store.AddAPIKey(ctx, key) })
}

// RevokeKey implements api.Keys.
func (k *keyring) RevokeKey(ctx context.Context, name string) error {
	return k.change(func() error { return k.store.RemoveAPIKey(ctx, name) })
}

// change makes a change of the store one of the gateway, too. A caller that leaves in between does not keep them apart.
func (k *keyring) change(do func() error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := do(); err != nil {
		return err
	}
	return k.load(context.Background())
}

// refresh gives the gateway the keys that the store has.
func (k *keyring) refresh(ctx context.Context) error {
	return k.change(func() error { return ctx.Err() })
}

func (k *keyring) load(ctx context.Context) error {
	stored, err := k.store.APIKeys(ctx)
	if err != nil {
		return err
	}
	keys := make([]gateway.Key, 0, len(stored))
	for _, s := range stored {
		var rate configs.Rate
		if err := json.Unmarshal(s.Rate, &rate); err != nil {
			return fmt.Errorf("read the rate of API key %s: %w", s.Name, err)
		}
		keys = append(keys, gateway.Key{Name: s.Name, Service: s.Service, Hash: s.Hash, Expires: s.ExpiresAt, Rate: rate})
	}
	k.gateway.SetKeys(keys)
	return nil
}
