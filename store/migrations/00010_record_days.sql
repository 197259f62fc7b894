-- +goose Up
-- The seals of the days of records: after so many records the hash chain had this head. They are added to, never changed.
CREATE TABLE record_seals (
  day       TEXT NOT NULL,                -- 2026-11-21
  count     INTEGER NOT NULL,
  head      BLOB NOT NULL,
  sealed_at INTEGER NOT NULL,
  PRIMARY KEY (day, count)
) STRICT;
-- What was taken from a day's records since, on purpose.
CREATE TABLE record_days (
  day     TEXT PRIMARY KEY NOT NULL,
  erased  INTEGER NOT NULL DEFAULT 0,     -- bodies and what tells a person, on somebody's request
  removed INTEGER NOT NULL DEFAULT 0,     -- whole records, by retention
  gone_at INTEGER NOT NULL DEFAULT 0      -- the day's file, by retention
) STRICT;

-- +goose Down
DROP TABLE record_days;
DROP TABLE record_seals;
