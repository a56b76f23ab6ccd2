-- A try that failed for reasons of our own, a database that is away, is none of a schedule's.

-- +goose Up

ALTER TABLE work ADD COLUMN failed BIGINT NOT NULL DEFAULT 0; -- tries in a row that did; attempt counts the others
