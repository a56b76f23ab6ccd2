-- Numbers are counted by period, so that one comes back only when its last use is long past.

-- +goose Up

ALTER TABLE lane ADD COLUMN period BIGINT NOT NULL DEFAULT 0;
