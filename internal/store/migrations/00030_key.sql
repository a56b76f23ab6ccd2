-- Keys have a kind, an environment, permissions by product, a name, and an end.

-- +goose Up

ALTER TABLE api_key RENAME COLUMN permission TO kind;
ALTER TABLE api_key RENAME COLUMN revoked TO ends; -- when; 0 is a key that does not end
ALTER TABLE api_key ADD COLUMN production BIGINT NOT NULL DEFAULT 0; -- 1: its text says so
ALTER TABLE api_key ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE api_key ADD COLUMN permissions TEXT NOT NULL DEFAULT 'null'; -- JSON; null permits everything
ALTER TABLE api_key ADD COLUMN created BIGINT NOT NULL DEFAULT 0;
CREATE INDEX api_key_business ON api_key (business);
