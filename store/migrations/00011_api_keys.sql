-- +goose Up
-- API keys of services behind the gateway: never the key, only its SHA-256.
CREATE TABLE api_keys (
  name       TEXT PRIMARY KEY NOT NULL,
  service    TEXT REFERENCES services (name) ON DELETE CASCADE, -- NULL: all
  hash       BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
  hint       TEXT NOT NULL,                                     -- the key's last characters
  rate       TEXT NOT NULL,                                     -- JSON of configs.Rate
  actor      TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL                                   -- 0: never
) STRICT;

-- +goose Down
DROP TABLE api_keys;
