-- +goose Up
CREATE TABLE port_leases (
  port  INTEGER PRIMARY KEY CHECK (port BETWEEN 1 AND 65535),
  owner TEXT NOT NULL UNIQUE,
  at    INTEGER NOT NULL
) STRICT;

-- +goose Down
DROP TABLE port_leases;
