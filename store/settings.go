package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Setting is one key of the configuration kept in the database. Value is "" for a secret in a list.
type Setting struct {
	Key       string
	Value     string
	Secret    bool // encrypted at rest
	Revision  int64
	UpdatedAt time.Time
}

// SettingChange is one entry of a setting's history. Value is "" for secrets and removals.
type SettingChange struct {
	Revision int64
	Key      string
	Value    string
	Secret   bool
	Removed  bool
	Actor    string
	At       time.Time
}

const (
	selectSetting = `SELECT key, value, secret, revision, updated_at FROM settings WHERE key = ?`
	listSettings  = `SELECT key, value, secret, revision, updated_at FROM settings
  WHERE substr(key, 1, length(?1)) = ?1 AND key > ?2 ORDER BY key LIMIT ?3`
	upsertSetting = `INSERT INTO settings (key, value, secret, revision, updated_at) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET value = excluded.value, secret = excluded.secret, revision = excluded.revision, updated_at = excluded.updated_at`
	deleteSetting = `DELETE FROM settings WHERE key = ?`
	insertChange  = `INSERT INTO settings_history (key, value, secret, actor, at) VALUES (?, ?, ?, ?, ?) RETURNING revision`
	selectChange  = `SELECT value, secret FROM settings_history WHERE key = ? AND revision = ?`
	listChanges   = `SELECT revision, key, value, secret, actor, at FROM settings_history
  WHERE (?1 = '' OR key = ?1) AND revision < ?2 ORDER BY revision DESC LIMIT ?3`
)

// Setting returns one setting, secrets opened, or ErrNotFound.
func (s *Store) Setting(ctx context.Context, key string) (Setting, error) {
	v, err := one(ctx, s.r, s.scanSetting, selectSetting, key)
	return v, wrap(err, "setting %s", key)
}

// Settings lists the settings that begin with prefix and come after the key given, by key, secrets without their
// values; n <= 0 means all.
func (s *Store) Settings(ctx context.Context, prefix, after string, n int) ([]Setting, error) {
	v, err := query(ctx, s.r, s.scanSetting, listSettings, prefix, after, limit(n))
	for i := range v {
		if v[i].Secret {
			v[i].Value = ""
		}
	}
	return v, wrap(err, "list settings")
}

// SetSetting stores a value and adds it to the history, secrets sealed in both.
func (s *Store) SetSetting(ctx context.Context, key, value string, secret bool, actor string) error {
	if key == "" {
		return errors.New("set setting: it has no key")
	}
	stored := []byte(value)
	if secret {
		stored = s.box.seal(stored, "setting:"+key)
	}
	err := s.write(ctx, func(tx *sql.Tx) error { return s.putSetting(ctx, tx, key, stored, secret, actor) })
	return wrap(err, "set setting %s", key)
}

// UnsetSetting removes a setting; the history tells who did. One that is not set is ErrNotFound.
func (s *Store) UnsetSetting(ctx context.Context, key, actor string) error {
	err := s.write(ctx, func(tx *sql.Tx) error { return s.dropSetting(ctx, tx, key, actor) })
	return wrap(err, "unset setting %s", key)
}

// RestoreSetting gives a setting the value (or the absence) it had at a revision; that is a new revision.
func (s *Store) RestoreSetting(ctx context.Context, key string, revision int64, actor string) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		var value []byte
		var secret bool
		err := tx.QueryRowContext(ctx, selectChange, key, revision).Scan(&value, &secret)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("no such revision: %w", ErrNotFound)
		}
		if err != nil {
			return err
		}
		if value == nil {
			return s.dropSetting(ctx, tx, key, actor)
		}
		return s.putSetting(ctx, tx, key, value, secret, actor)
	})
	return wrap(err, "restore setting %s to revision %d", key, revision)
}

// SettingHistory lists changes, newest first, of one key or of all (""), from below the revision before (0 starts
// at the newest); n <= 0 means all.
func (s *Store) SettingHistory(ctx context.Context, key string, before int64, n int) ([]SettingChange, error) {
	if before <= 0 {
		before = 1 << 62
	}
	v, err := query(ctx, s.r, scanChange, listChanges, key, before, limit(n))
	return v, wrap(err, "history of setting %s", key)
}

func (s *Store) putSetting(ctx context.Context, tx *sql.Tx, key string, stored []byte, secret bool, actor string) error {
	now := micros(s.stamp())
	var revision int64
	if err := tx.QueryRowContext(ctx, insertChange, key, stored, secret, actor, now).Scan(&revision); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, upsertSetting, key, stored, secret, revision, now)
	return err
}

func (s *Store) dropSetting(ctx context.Context, tx *sql.Tx, key, actor string) error {
	if err := changed(tx.ExecContext(ctx, deleteSetting, key)); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, insertChange, key, nil, false, actor, micros(s.stamp()))
	return err
}

func (s *Store) scanSetting(r row) (Setting, error) {
	var v Setting
	var value []byte
	var updated int64
	if err := r.Scan(&v.Key, &value, &v.Secret, &v.Revision, &updated); err != nil {
		return v, err
	}
	v.UpdatedAt = timeOf(updated)
	if v.Secret {
		plain, err := s.box.open(value, "setting:"+v.Key)
		if err != nil {
			return v, fmt.Errorf("setting %s: %w", v.Key, err)
		}
		value = plain
	}
	v.Value = string(value)
	return v, nil
}

func scanChange(r row) (SettingChange, error) {
	var v SettingChange
	var value []byte
	var at int64
	if err := r.Scan(&v.Revision, &v.Key, &value, &v.Secret, &v.Actor, &at); err != nil {
		return v, err
	}
	v.At, v.Removed = timeOf(at), value == nil
	if !v.Secret {
		v.Value = string(value)
	}
	return v, nil
}
