package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Forge is a connected Gitea. Token and Secret are sealed at rest.
type Forge struct {
	Name      string
	URL       string // without a trailing slash
	Owner     string // of new repositories; "" is the token's user
	Prefix    string // of new repositories' names
	Token     string
	Secret    string // of its webhooks; the same for every connection to one address
	Login     string // whose token it is
	Default   bool   // owner/repo without an address is meant there; one is, when there are any
	Revision  int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

const (
	forgeColumns = `name, url, owner, prefix, token, login, is_default, revision, created_at, updated_at`
	selectForge  = `SELECT ` + forgeColumns + ` FROM forges WHERE name = ?`
	listForges   = `SELECT ` + forgeColumns + ` FROM forges ORDER BY is_default DESC, name`
	upsertForge  = `INSERT INTO forges (` + forgeColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (name) DO UPDATE SET url = excluded.url, owner = excluded.owner, prefix = excluded.prefix, token = excluded.token,
  login = excluded.login, is_default = excluded.is_default, revision = excluded.revision, updated_at = excluded.updated_at`
	deleteForge   = `DELETE FROM forges WHERE name = ?`
	noDefault     = `UPDATE forges SET is_default = 0`
	hasOtherForge = `SELECT count(*) FROM forges WHERE is_default = 1 AND name <> ?`
	elderDefault  = `UPDATE forges SET is_default = 1 WHERE name = (SELECT name FROM forges ORDER BY created_at, name LIMIT 1)
  AND NOT EXISTS (SELECT 1 FROM forges WHERE is_default = 1)`
	selectForgeSecret = `SELECT secret FROM forge_secrets WHERE url = ?`
	insertForgeSecret = `INSERT INTO forge_secrets (url, secret, created_at) VALUES (?, ?, ?) ON CONFLICT (url) DO NOTHING`
)

// Forges lists the connected Giteas, the default one first, then by name, with tokens and secrets opened.
func (s *Store) Forges(ctx context.Context) ([]Forge, error) {
	v, err := query(ctx, s.r, s.scanForge, listForges)
	for i := range v {
		if err == nil {
			v[i].Secret, err = s.forgeSecret(ctx, v[i].URL)
		}
	}
	return v, wrap(err, "list connected Giteas")
}

// Forge returns one connected Gitea, token and secret opened, or ErrNotFound.
func (s *Store) Forge(ctx context.Context, name string) (Forge, error) {
	f, err := one(ctx, s.r, s.scanForge, selectForge, name)
	if err == nil {
		f.Secret, err = s.forgeSecret(ctx, f.URL)
	}
	return f, wrap(err, "Gitea connection %s", name)
}

// SaveForge stores a connection under its name, new or in place of the earlier one, and adds it to the history. The first
// one is the default; f.Default makes it so as well. Secret, Revision and the times are the store's own.
func (s *Store) SaveForge(ctx context.Context, f Forge, actor string) (Forge, error) {
	if f.Name == "" || f.URL == "" {
		return f, errors.New("save Gitea connection: it has no name or no address")
	}
	err := s.write(ctx, func(tx *sql.Tx) error { return s.putForge(ctx, tx, &f, actor) })
	if err == nil {
		return s.Forge(ctx, f.Name)
	}
	return f, wrap(err, "save Gitea connection %s", f.Name)
}

// RemoveForge forgets a connection; the history keeps it. The oldest of the others becomes the default when it was. One that
// is not there is ErrNotFound.
func (s *Store) RemoveForge(ctx context.Context, name, actor string) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		f, err := one(ctx, tx, s.scanForge, selectForge, name)
		if err != nil {
			return err
		}
		if err := changed(tx.ExecContext(ctx, deleteForge, name)); err != nil {
			return err
		}
		if _, err := s.noteForge(ctx, tx, f, true, actor); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, elderDefault)
		return err
	})
	return wrap(err, "remove Gitea connection %s", name)
}

// ForgeSecret returns the secret of the webhooks of the Gitea at an address, made on first use. It is never empty.
func (s *Store) ForgeSecret(ctx context.Context, url string) (string, error) {
	secret, err := s.forgeSecret(ctx, url)
	if err != nil || secret != "" {
		return secret, wrap(err, "secret of the webhooks of %s", url)
	}
	err = s.write(ctx, func(tx *sql.Tx) error { return s.makeForgeSecret(ctx, tx, url) })
	if err == nil {
		secret, err = s.forgeSecret(ctx, url)
	}
	return secret, wrap(err, "make the secret of the webhooks of %s", url)
}

func (s *Store) putForge(ctx context.Context, tx *sql.Tx, f *Forge, actor string) error {
	var others int
	if err := tx.QueryRowContext(ctx, hasOtherForge, f.Name).Scan(&others); err != nil {
		return err
	}
	f.Default = f.Default || others == 0
	if f.Default {
		if _, err := tx.ExecContext(ctx, noDefault); err != nil {
			return err
		}
	}
	if err := s.makeForgeSecret(ctx, tx, f.URL); err != nil {
		return err
	}
	revision, err := s.noteForge(ctx, tx, *f, false, actor)
	if err != nil {
		return err
	}
	now := micros(s.stamp())
	_, err = tx.ExecContext(ctx, upsertForge, f.Name, f.URL, f.Owner, f.Prefix, s.box.seal([]byte(f.Token), "forge:"+f.Name), f.Login,
		f.Default, revision, now, now)
	return err
}

func (s *Store) makeForgeSecret(ctx context.Context, tx *sql.Tx, url string) error {
	_, err := tx.ExecContext(ctx, insertForgeSecret, url, s.box.seal([]byte(rand.Text()), "forge-secret:"+url), micros(s.stamp()))
	return err
}

// forgeSecret is "" when there is none yet.
func (s *Store) forgeSecret(ctx context.Context, url string) (string, error) {
	sealed, err := one(ctx, s.r, func(r row) (b []byte, err error) { return b, r.Scan(&b) }, selectForgeSecret, url)
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	plain, err := s.box.open(sealed, "forge-secret:"+url)
	return string(plain), err
}

func (s *Store) scanForge(r row) (Forge, error) {
	var f Forge
	var token []byte
	var created, updated int64
	if err := r.Scan(&f.Name, &f.URL, &f.Owner, &f.Prefix, &token, &f.Login, &f.Default, &f.Revision, &created, &updated); err != nil {
		return f, err
	}
	plain, err := s.box.open(token, "forge:"+f.Name)
	if err != nil {
		return f, fmt.Errorf("token of Gitea connection %s: %w", f.Name, err)
	}
	f.Token, f.CreatedAt, f.UpdatedAt = string(plain), timeOf(created), timeOf(updated)
	return f, nil
}
