package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"aictl/store/internal/sqlite"
)

// APIKey is what is kept of an API key of the gateway: its digest, not the key.
type APIKey struct {
	Name      string // unique
	Service   string // "" for all
	Hash      [32]byte
	Hint      string // the key's last characters, for people
	Rate      []byte // JSON of configs.Rate
	Actor     string // who made it
	CreatedAt time.Time
	ExpiresAt time.Time // zero: never
}

const (
	insertAPIKey = `INSERT INTO api_keys (name, service, hash, hint, rate, actor, created_at, expires_at)
  VALUES (?, nullif(?, ''), ?, ?, ?, ?, ?, ?)`
	listAPIKeys  = `SELECT name, ifnull(service, ''), hash, hint, rate, actor, created_at, expires_at FROM api_keys ORDER BY name`
	deleteAPIKey = `DELETE FROM api_keys WHERE name = ?`
	hasAPIKey    = `SELECT count(*) FROM api_keys WHERE name = ?`
)

// AddAPIKey stores a key. A name that is taken is ErrConflict, a service that does not exist ErrNotFound. A service takes its keys
// along when it is removed.
func (s *Store) AddAPIKey(ctx context.Context, k APIKey) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		var taken int
		if err := tx.QueryRowContext(ctx, hasAPIKey, k.Name).Scan(&taken); err != nil {
			return err
		}
		if taken > 0 {
			return fmt.Errorf("there is a key of this name: choose another, or revoke that one first: %w", ErrConflict)
		}
		_, err := tx.ExecContext(ctx, insertAPIKey, k.Name, k.Service, k.Hash[:], k.Hint, string(k.Rate), k.Actor, micros(s.stamp()), micros(k.ExpiresAt))
		if err = sqlite.Explain(err); errors.Is(err, sqlite.ErrForeign) {
			return fmt.Errorf("no service is called %s: %w", k.Service, ErrNotFound)
		}
		return err
	})
	return wrap(err, "create API key %s", k.Name)
}

// APIKeys lists all keys by name.
func (s *Store) APIKeys(ctx context.Context) ([]APIKey, error) {
	v, err := query(ctx, s.r, scanAPIKey, listAPIKeys)
	return v, wrap(err, "list API keys")
}

// RemoveAPIKey forgets a key, or returns ErrNotFound.
func (s *Store) RemoveAPIKey(ctx context.Context, name string) error {
	return wrap(changed(s.w.ExecContext(ctx, deleteAPIKey, name)), "revoke API key %s", name)
}

func scanAPIKey(r row) (APIKey, error) {
	var k APIKey
	var hash []byte
	var rate string
	var created, expires int64
	if err := r.Scan(&k.Name, &k.Service, &hash, &k.Hint, &rate, &k.Actor, &created, &expires); err != nil {
		return k, err
	}
	copy(k.Hash[:], hash)
	k.Rate, k.CreatedAt, k.ExpiresAt = []byte(rate), timeOf(created), timeOf(expires)
	return k, nil
}
