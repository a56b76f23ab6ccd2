-- Who changed merchants, keys and endpoints.

-- +goose Up

CREATE TABLE audit (
    id       TEXT   NOT NULL PRIMARY KEY, -- begins with the time
    at       BIGINT NOT NULL,
    actor    TEXT   NOT NULL, -- cli:root, key:d115eea1e5d7, sandbox
    business TEXT   NOT NULL,
    act      TEXT   NOT NULL, -- key.revoke
    object   TEXT   NOT NULL, -- its id
    change   TEXT   NOT NULL  -- JSON
);
