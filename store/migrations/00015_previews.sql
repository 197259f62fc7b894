-- +goose Up
-- Services that show what pull requests would bring. A row is there before its service and goes after it.
CREATE TABLE previews (
  service    TEXT PRIMARY KEY NOT NULL,  -- <parent>-pr-<number>
  parent     TEXT NOT NULL,              -- the service whose repository it is
  address    TEXT NOT NULL,              -- of the Gitea, without a trailing slash
  repository TEXT NOT NULL,              -- owner/repo
  number     INTEGER NOT NULL,
  title      TEXT NOT NULL,
  author     TEXT NOT NULL,
  branch     TEXT NOT NULL,
  head       TEXT NOT NULL,              -- full SHA that was deployed last; '' when none was yet
  expired    INTEGER NOT NULL DEFAULT 0, -- removed by age: not made again for the same head
  created_at INTEGER NOT NULL,
  pushed_at  INTEGER NOT NULL            -- when head changed
) STRICT, WITHOUT ROWID;
CREATE INDEX previews_parent ON previews (parent);

-- +goose Down
DROP TABLE previews;
