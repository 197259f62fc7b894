-- +goose Up
-- Genuine deliveries of webhooks: stored before they are answered, worked off from here.
CREATE TABLE deliveries (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  forge       TEXT NOT NULL,              -- name of the connection whose secret signed it, or github, gitlab, gitea
  delivery    TEXT NOT NULL,              -- the forge's own id of it
  digest      BLOB NOT NULL,              -- SHA-256 of its event and body
  event       TEXT NOT NULL,
  repository  TEXT NOT NULL,              -- owner/repo
  repo_id     INTEGER NOT NULL,           -- the forge's own, which a new name leaves as it is; 0: unknown
  ref         TEXT NOT NULL,
  change      TEXT NOT NULL,              -- JSON of what happened; '' when nothing did that could deploy
  repeated    INTEGER NOT NULL,           -- the same body was delivered before
  state       TEXT NOT NULL CHECK (state IN ('received', 'done', 'failed')),
  outcome     TEXT NOT NULL DEFAULT '',   -- for people
  tries       INTEGER NOT NULL DEFAULT 0,
  received_at INTEGER NOT NULL,
  done_at     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX deliveries_delivery ON deliveries (delivery);
CREATE INDEX deliveries_digest ON deliveries (digest);
CREATE INDEX deliveries_open ON deliveries (id) WHERE state = 'received';
CREATE INDEX deliveries_repository ON deliveries (forge, repo_id);

-- The last commit of each reference that was considered for a service: deployed, superseded or skipped.
CREATE TABLE attempts (
  service TEXT NOT NULL REFERENCES services (name) ON DELETE CASCADE,
  ref     TEXT NOT NULL,                  -- full: refs/heads/main
  sha     TEXT NOT NULL,
  before  TEXT NOT NULL,                  -- the one considered before it
  deploy  INTEGER NOT NULL,               -- 0: it was skipped
  outcome TEXT NOT NULL,                  -- for people
  at      INTEGER NOT NULL,
  PRIMARY KEY (service, ref)
) STRICT, WITHOUT ROWID;

-- Services that no push deploys for now.
CREATE TABLE deploy_pauses (
  service TEXT PRIMARY KEY NOT NULL REFERENCES services (name) ON DELETE CASCADE,
  why     TEXT NOT NULL,
  actor   TEXT NOT NULL,
  at      INTEGER NOT NULL
) STRICT;

-- +goose Down
DROP TABLE deploy_pauses;
DROP TABLE attempts;
DROP TABLE deliveries;
