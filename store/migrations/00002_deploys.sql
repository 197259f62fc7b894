-- +goose Up
CREATE TABLE deploys (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  service       TEXT NOT NULL,                  -- no reference: a deploy outlives its service
  kind          TEXT NOT NULL CHECK (kind IN ('deploy', 'rollback')),
  source_kind   TEXT NOT NULL,
  source_url    TEXT NOT NULL,
  source_ref    TEXT NOT NULL,
  source_subdir TEXT NOT NULL,
  commit_sha    TEXT NOT NULL,
  release       TEXT NOT NULL,
  state         TEXT NOT NULL CHECK (state IN ('queued', 'running', 'live', 'failed', 'superseded', 'cancelled', 'interrupted')),
  failed_step   TEXT NOT NULL DEFAULT '',
  error         TEXT NOT NULL DEFAULT '',
  warnings      TEXT NOT NULL DEFAULT '[]',     -- JSON array
  actor         TEXT NOT NULL,
  trigger       TEXT NOT NULL,
  created_at    INTEGER NOT NULL,
  started_at    INTEGER NOT NULL DEFAULT 0,
  finished_at   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX deploys_service ON deploys (service, id);
-- One running and one pending deploy per service, whatever the code above does.
CREATE UNIQUE INDEX deploys_running ON deploys (service) WHERE state = 'running';
CREATE UNIQUE INDEX deploys_queued ON deploys (service) WHERE state = 'queued';

CREATE TABLE steps (
  deploy      INTEGER NOT NULL REFERENCES deploys (id) ON DELETE CASCADE,
  seq         INTEGER NOT NULL,
  name        TEXT NOT NULL,
  state       TEXT NOT NULL CHECK (state IN ('running', 'done', 'failed', 'skipped')),
  detail      TEXT NOT NULL DEFAULT '',
  started_at  INTEGER NOT NULL,
  finished_at INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (deploy, seq)
) STRICT;

-- +goose Down
DROP TABLE steps;
DROP TABLE deploys;
