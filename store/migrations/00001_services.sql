-- +goose Up
CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value BLOB NOT NULL
) STRICT;

CREATE TABLE services (
  name            TEXT PRIMARY KEY,
  source_kind     TEXT NOT NULL,
  source_url      TEXT NOT NULL,
  source_ref      TEXT NOT NULL,
  source_subdir   TEXT NOT NULL,
  wanted          TEXT NOT NULL CHECK (wanted IN ('running', 'stopped')),
  replicas        INTEGER NOT NULL CHECK (replicas >= 0),
  replicas_pinned INTEGER NOT NULL,
  groups          TEXT NOT NULL,                -- JSON array
  env             BLOB,                         -- sealed JSON object; NULL when empty
  release         TEXT NOT NULL DEFAULT '',
  previous        TEXT NOT NULL DEFAULT '',
  created_at      INTEGER NOT NULL,             -- microseconds since 1970, UTC, as all times here
  updated_at      INTEGER NOT NULL
) STRICT;

-- Numbers are never given twice, not even to a service that was removed and came back: old deploys name releases.
CREATE TABLE release_numbers (
  service TEXT PRIMARY KEY,
  last    INTEGER NOT NULL
) STRICT;

CREATE TABLE releases (
  service    TEXT NOT NULL REFERENCES services (name) ON DELETE CASCADE,
  number     INTEGER NOT NULL,
  id         TEXT NOT NULL,
  commit_sha TEXT NOT NULL,
  manifest   BLOB NOT NULL,
  dir        TEXT NOT NULL,
  env_key    TEXT NOT NULL,
  argv       TEXT NOT NULL,                     -- JSON array
  created_at INTEGER NOT NULL,
  PRIMARY KEY (service, number),
  UNIQUE (service, id)
) STRICT;
CREATE INDEX releases_env_key ON releases (env_key) WHERE env_key <> '';

CREATE TABLE instances (
  service TEXT NOT NULL REFERENCES services (name) ON DELETE CASCADE,
  slot    INTEGER NOT NULL CHECK (slot > 0),
  release TEXT NOT NULL,
  port    INTEGER NOT NULL,
  live    INTEGER NOT NULL,
  PRIMARY KEY (service, slot),
  FOREIGN KEY (service, release) REFERENCES releases (service, id)
) STRICT;
CREATE INDEX instances_release ON instances (service, release);

-- +goose Down
DROP TABLE instances;
DROP TABLE releases;
DROP TABLE release_numbers;
DROP TABLE services;
DROP TABLE meta;
