-- A customer can be changed by its merchant: its type and times are columns of their own, and the version
-- keeps one change from undoing another. All that were kept before are persons.

-- +goose Up

ALTER TABLE customer ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE customer ADD COLUMN type TEXT NOT NULL DEFAULT 'INDIVIDUAL';
ALTER TABLE customer ADD COLUMN updated BIGINT NOT NULL DEFAULT 0;
UPDATE customer SET updated = created;
