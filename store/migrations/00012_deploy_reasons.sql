-- +goose Up
ALTER TABLE deploys ADD COLUMN reason TEXT NOT NULL DEFAULT '';   -- why, for people: 'push to main by ada'
ALTER TABLE deploys ADD COLUMN origin TEXT NOT NULL DEFAULT '';   -- from where: a delivery's id, a caller's address
ALTER TABLE deploys ADD COLUMN subject TEXT NOT NULL DEFAULT '';  -- first line of the commit's message
CREATE INDEX deploys_commit ON deploys (commit_sha, service) WHERE commit_sha <> '';

-- +goose Down
DROP INDEX deploys_commit;
ALTER TABLE deploys DROP COLUMN subject;
ALTER TABLE deploys DROP COLUMN origin;
ALTER TABLE deploys DROP COLUMN reason;
