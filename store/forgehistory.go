package store

import (
	"context"
	"database/sql"
	"time"
)

// ForgeChange is one entry of the history of Gitea connections: how one was from that revision on. Its token can be restored but
// not seen.
type ForgeChange struct {
	Revision int64
	Name     string
	URL      string
	Owner    string
	Prefix   string
	Hint     string // the token's last characters; "" when it was short or there was none
	Login    string
	Removed  bool // it was disconnected
	Actor    string
	At       time.Time
}

const (
	insertForgeChange = `INSERT INTO forge_changes (name, url, owner, prefix, token, hint, login, removed, actor, at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING revision`
	listForgeChanges = `SELECT revision, name, url, owner, prefix, hint, login, removed, actor, at FROM forge_changes
  WHERE (?1 = '' OR name = ?1) AND revision < ?2 ORDER BY revision DESC LIMIT ?3`
	selectForgeChange = `SELECT name, url, owner, prefix, token, login FROM forge_changes WHERE revision = ?`
)

// hintOf is what is shown of a token. One that is short says nothing.
func hintOf(token string) string {
	if len(token) < 16 {
		return ""
	}
	return token[len(token)-4:]
}

// Hint is what may be shown of the token: its last characters, or nothing.
func (f Forge) Hint() string { return hintOf(f.Token) }

// ForgeHistory lists changes of connections, newest first, of one name or of all (""), from below the revision before (0 starts at
// the newest); n <= 0 means all.
func (s *Store) ForgeHistory(ctx context.Context, name string, before int64, n int) ([]ForgeChange, error) {
	if before <= 0 {
		before = 1 << 62
	}
	v, err := query(ctx, s.r, scanForgeChange, listForgeChanges, name, before, limit(n))
	return v, wrap(err, "history of Gitea connections")
}

// ForgeAt returns a connection as it was at a revision, its token opened, or ErrNotFound. Nothing is changed.
func (s *Store) ForgeAt(ctx context.Context, revision int64) (Forge, error) {
	f, err := one(ctx, s.r, s.scanForgeAt, selectForgeChange, revision)
	return f, wrap(err, "revision %d of the Gitea connections", revision)
}

func (s *Store) noteForge(ctx context.Context, tx *sql.Tx, f Forge, removed bool, actor string) (revision int64, err error) {
	err = tx.QueryRowContext(ctx, insertForgeChange, f.Name, f.URL, f.Owner, f.Prefix, s.box.seal([]byte(f.Token), "forge:"+f.Name),
		f.Hint(), f.Login, removed, actor, micros(s.stamp())).Scan(&revision)
	return revision, err
}

func (s *Store) scanForgeAt(r row) (Forge, error) {
	var f Forge
	var token []byte
	if err := r.Scan(&f.Name, &f.URL, &f.Owner, &f.Prefix, &token, &f.Login); err != nil {
		return f, err
	}
	plain, err := s.box.open(token, "forge:"+f.Name)
	f.Token = string(plain)
	return f, err
}

func scanForgeChange(r row) (ForgeChange, error) {
	var c ForgeChange
	var at int64
	err := r.Scan(&c.Revision, &c.Name, &c.URL, &c.Owner, &c.Prefix, &c.Hint, &c.Login, &c.Removed, &c.Actor, &at)
	c.At = timeOf(at)
	return c, err
}

// pinSources turns owner/repo into the address that it stood for.
const pinSources = `UPDATE services SET source_kind = 'git', source_url = ?1 || '/' || source_url || '.git', updated_at = ?2
  WHERE source_kind = 'gitea' RETURNING name`

// PinSources makes every service that comes from owner/repo of the default Gitea come from that address at url, which is where it comes
// from anyway: another Gitea is about to be the default one, and what is called the same there is something else. It returns their names.
func (s *Store) PinSources(ctx context.Context, url string) (names []string, err error) {
	err = s.write(ctx, func(tx *sql.Tx) error {
		names, err = query(ctx, tx, func(r row) (name string, err error) { return name, r.Scan(&name) }, pinSources, url, micros(s.stamp()))
		return err
	})
	return names, wrap(err, "pin services to %s", url)
}
