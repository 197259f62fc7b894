-- +goose Up
-- One line for every release there was, kept when the release goes. The triggers see to that whoever writes releases.
CREATE TABLE algorithm_versions (
  service    TEXT NOT NULL REFERENCES services (name) ON DELETE CASCADE,
  number     INTEGER NOT NULL,
  release    TEXT NOT NULL,
  commit_sha TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  live_at    INTEGER NOT NULL DEFAULT 0,        -- first; 0 when it never was
  version    TEXT NOT NULL DEFAULT '',          -- what the service calls it in /info or its OpenAPI document
  operations INTEGER NOT NULL DEFAULT 0,        -- described
  base       TEXT NOT NULL DEFAULT '',          -- the release that it was compared with
  breaking   INTEGER NOT NULL DEFAULT 0,        -- changes that break callers of base
  report     BLOB,                              -- the comparison, compressed JSON; NULL without one
  PRIMARY KEY (service, number)
) STRICT;
CREATE UNIQUE INDEX algorithm_versions_release ON algorithm_versions (service, release);

-- What a release answered when it was deployed, compressed; it goes with the release.
CREATE TABLE snapshots (
  service  TEXT NOT NULL,
  release  TEXT NOT NULL,
  info     BLOB,                                -- GET /info; NULL when there was none
  openapi  BLOB,                                -- GET /openapi.json; likewise
  taken_at INTEGER NOT NULL,
  PRIMARY KEY (service, release),
  FOREIGN KEY (service, release) REFERENCES releases (service, id) ON DELETE CASCADE
) STRICT;

INSERT INTO algorithm_versions (service, number, release, commit_sha, created_at, live_at)
  SELECT service, number, id, commit_sha, created_at, created_at FROM releases;

-- +goose StatementBegin
CREATE TRIGGER algorithm_version_made AFTER INSERT ON releases BEGIN
  INSERT OR IGNORE INTO algorithm_versions (service, number, release, commit_sha, created_at)
    VALUES (NEW.service, NEW.number, NEW.id, NEW.commit_sha, NEW.created_at);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER algorithm_version_live AFTER UPDATE OF release ON services WHEN NEW.release <> '' BEGIN
  UPDATE algorithm_versions SET live_at = NEW.updated_at WHERE service = NEW.name AND release = NEW.release AND live_at = 0;
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER algorithm_version_dropped AFTER DELETE ON releases BEGIN
  DELETE FROM algorithm_versions WHERE service = OLD.service AND number = OLD.number AND live_at = 0;
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER algorithm_version_dropped;
DROP TRIGGER algorithm_version_live;
DROP TRIGGER algorithm_version_made;
DROP TABLE snapshots;
DROP TABLE algorithm_versions;
