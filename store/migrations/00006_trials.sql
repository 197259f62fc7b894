-- +goose Up
-- What an instance is for that is not live: '' of a deploy, 'candidate' for as long as somebody tries a release,
-- 'canary' and 'shadow' of what stands in the tables below.
ALTER TABLE instances ADD COLUMN purpose TEXT NOT NULL DEFAULT '' CHECK (purpose IN ('', 'candidate', 'canary', 'shadow'));

-- A part of a service's requests goes to another release.
CREATE TABLE canaries (
  service      TEXT PRIMARY KEY REFERENCES services (name) ON DELETE CASCADE,
  release      TEXT NOT NULL,
  weight       REAL NOT NULL CHECK (weight BETWEEN 0 AND 100), -- percent
  header_name  TEXT NOT NULL DEFAULT '',
  header_value TEXT NOT NULL DEFAULT '',
  actor        TEXT NOT NULL,
  started_at   INTEGER NOT NULL,
  FOREIGN KEY (service, release) REFERENCES releases (service, id)
) STRICT;

-- Copies of a service's requests go to another release of it, or to another service when release is ''.
CREATE TABLE shadows (
  service    TEXT PRIMARY KEY REFERENCES services (name) ON DELETE CASCADE,
  target     TEXT NOT NULL,
  release    TEXT NOT NULL,
  percent    REAL NOT NULL CHECK (percent > 0 AND percent <= 100),
  actor      TEXT NOT NULL,
  started_at INTEGER NOT NULL
) STRICT;

-- +goose Down
DROP TABLE shadows;
DROP TABLE canaries;
ALTER TABLE instances DROP COLUMN purpose;
