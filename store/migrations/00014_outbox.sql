-- +goose Up
-- What a forge is to be told about commits: one row for each commit and service, the newest state wins.
CREATE TABLE reports (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  address     TEXT NOT NULL,              -- of the Gitea, without a trailing slash
  repository  TEXT NOT NULL,              -- owner/repo
  commit_sha  TEXT NOT NULL,
  context     TEXT NOT NULL,              -- aictl/<service>
  deploy      INTEGER NOT NULL,           -- that it tells of
  state       TEXT NOT NULL,              -- pending, success, failure, error
  description TEXT NOT NULL,
  target_url  TEXT NOT NULL,
  version     INTEGER NOT NULL DEFAULT 1, -- counts what is to be told
  progress    TEXT NOT NULL DEFAULT 'waiting' CHECK (progress IN ('waiting', 'told', 'given_up')),
  tries       INTEGER NOT NULL DEFAULT 0, -- of this version
  error       TEXT NOT NULL DEFAULT '',   -- of the last try
  next_at     INTEGER NOT NULL,           -- not before this
  created_at  INTEGER NOT NULL,           -- of this version
  updated_at  INTEGER NOT NULL,
  UNIQUE (address, repository, commit_sha, context)
) STRICT;
CREATE INDEX reports_due ON reports (next_at) WHERE progress = 'waiting';
CREATE INDEX reports_deploy ON reports (deploy);

-- +goose Down
DROP TABLE reports;
