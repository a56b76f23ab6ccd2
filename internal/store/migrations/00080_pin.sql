-- What the database belongs to, for good: the first to open it writes it.

-- +goose Up

CREATE TABLE pin (
    name  TEXT  NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);
