-- +goose Up
-- The runs of services that end: the last ones of each.
CREATE TABLE runs (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  service    TEXT NOT NULL REFERENCES services (name) ON DELETE CASCADE,
  release    TEXT NOT NULL,
  instance   TEXT NOT NULL,                      -- '' for one that was skipped
  trigger    TEXT NOT NULL CHECK (trigger IN ('schedule', 'user', 'boot', 'deploy')),
  state      TEXT NOT NULL CHECK (state IN ('running', 'succeeded', 'failed', 'stopped', 'skipped', 'unknown')),
  machine    TEXT NOT NULL,                      -- which start of the machine it ran in
  ending     TEXT NOT NULL DEFAULT '' CHECK (ending IN ('', 'stop', 'timeout', 'replace')),
  due_at     INTEGER NOT NULL DEFAULT 0,         -- by the schedule
  started_at INTEGER NOT NULL,
  ended_at   INTEGER NOT NULL DEFAULT 0,
  attempts   INTEGER NOT NULL DEFAULT 0,
  code       INTEGER,                            -- NULL when there is none, or it is not known
  signal     TEXT NOT NULL DEFAULT '',
  reason     TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX runs_service ON runs (service, id);
-- An instance runs once at a time, whatever the code above does.
CREATE UNIQUE INDEX runs_running ON runs (instance) WHERE state = 'running';

-- +goose Down
DROP TABLE runs;
