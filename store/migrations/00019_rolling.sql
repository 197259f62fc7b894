-- +goose Up
-- 'rolling': of a deploy that replaces replicas one by one, takes part in the requests beside the live ones.
ALTER TABLE instances ADD COLUMN purpose_now TEXT NOT NULL DEFAULT ''
  CHECK (purpose_now IN ('', 'candidate', 'canary', 'shadow', 'rolling'));
UPDATE instances SET purpose_now = purpose;
ALTER TABLE instances DROP COLUMN purpose;
ALTER TABLE instances RENAME COLUMN purpose_now TO purpose;

-- +goose Down
UPDATE instances SET purpose = '' WHERE purpose = 'rolling';
ALTER TABLE instances ADD COLUMN purpose_before TEXT NOT NULL DEFAULT ''
  CHECK (purpose_before IN ('', 'candidate', 'canary', 'shadow'));
UPDATE instances SET purpose_before = purpose;
ALTER TABLE instances DROP COLUMN purpose;
ALTER TABLE instances RENAME COLUMN purpose_before TO purpose;
