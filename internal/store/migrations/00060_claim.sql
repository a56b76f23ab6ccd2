-- Who has a piece of work is told by a number: two leases may end in the same microsecond.

-- +goose Up

ALTER TABLE work ADD COLUMN claim BIGINT NOT NULL DEFAULT 0; -- of whoever leased it last; 0: nobody
