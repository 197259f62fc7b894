-- +goose Up
CREATE TABLE settings (
  key        TEXT PRIMARY KEY,
  value      BLOB NOT NULL,                     -- sealed when secret
  secret     INTEGER NOT NULL,
  revision   INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE settings_history (
  revision INTEGER PRIMARY KEY AUTOINCREMENT,
  key      TEXT NOT NULL,
  value    BLOB,                                -- sealed when secret; NULL when the setting was removed
  secret   INTEGER NOT NULL,
  actor    TEXT NOT NULL,
  at       INTEGER NOT NULL
) STRICT;
CREATE INDEX settings_history_key ON settings_history (key, revision);

-- +goose Down
DROP TABLE settings_history;
DROP TABLE settings;
