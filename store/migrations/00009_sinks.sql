-- +goose Up
-- How far each sink of records has come.
CREATE TABLE sinks (
  name       TEXT PRIMARY KEY NOT NULL,
  position   TEXT NOT NULL,               -- JSON: by day, the last record delivered
  sent       INTEGER NOT NULL,
  missed     INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

-- +goose Down
DROP TABLE sinks;
