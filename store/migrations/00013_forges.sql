-- +goose Up
-- Connected Giteas. The tokens are sealed.
CREATE TABLE forges (
  name       TEXT PRIMARY KEY NOT NULL,
  url        TEXT NOT NULL,
  owner      TEXT NOT NULL,          -- of new repositories; '': the token's user
  prefix     TEXT NOT NULL,          -- of new repositories' names
  token      BLOB NOT NULL,
  login      TEXT NOT NULL,          -- whose token it is
  is_default INTEGER NOT NULL,
  revision   INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX forges_default ON forges (is_default) WHERE is_default = 1;

CREATE TABLE forge_changes (
  revision INTEGER PRIMARY KEY AUTOINCREMENT,
  name     TEXT NOT NULL,
  url      TEXT NOT NULL,
  owner    TEXT NOT NULL,
  prefix   TEXT NOT NULL,
  token    BLOB NOT NULL,
  hint     TEXT NOT NULL,            -- the token's last characters
  login    TEXT NOT NULL,
  removed  INTEGER NOT NULL,
  actor    TEXT NOT NULL,
  at       INTEGER NOT NULL
) STRICT;
CREATE INDEX forge_changes_name ON forge_changes (name, revision);

-- Secrets of webhooks, by the address of the Gitea: whoever connects it again, the hooks there stay good.
CREATE TABLE forge_secrets (
  url        TEXT PRIMARY KEY NOT NULL,
  secret     BLOB NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;

-- +goose Down
DROP TABLE forge_secrets;
DROP TABLE forge_changes;
DROP TABLE forges;
