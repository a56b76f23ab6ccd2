-- One text for SQLite and PostgreSQL. Times are microseconds since 1970, UTC; objects are JSON as TEXT, and
-- what is looked up or guarded is a column beside it. There are no foreign keys: rows are written together
-- in one commit and never deleted apart, and a key that is checked later would take the commit of others
-- down with it. Keys that are made here begin with the time, so that inserts touch few index pages.

-- +goose Up

CREATE TABLE merchant (
    id   TEXT NOT NULL PRIMARY KEY,
    data TEXT NOT NULL
);

CREATE TABLE endpoint (
    id       TEXT NOT NULL PRIMARY KEY,
    business TEXT NOT NULL,
    url      TEXT NOT NULL
);
CREATE INDEX endpoint_business ON endpoint (business);

CREATE TABLE api_key (
    hash       BYTEA  NOT NULL PRIMARY KEY, -- SHA-256 of the key
    business   TEXT   NOT NULL,
    permission TEXT   NOT NULL,
    revoked    BIGINT NOT NULL DEFAULT 0    -- when; 0 is a key that is good
);

CREATE TABLE customer (
    id        TEXT   NOT NULL PRIMARY KEY,
    business  TEXT   NOT NULL,
    reference TEXT   NOT NULL,
    profile   TEXT   NOT NULL,
    created   BIGINT NOT NULL,
    UNIQUE (business, reference)
);

CREATE TABLE token (
    id           TEXT   NOT NULL PRIMARY KEY,
    business     TEXT   NOT NULL,
    customer     TEXT   NOT NULL,
    status       TEXT   NOT NULL,
    sealed_pan   BYTEA  NOT NULL,
    fingerprint  TEXT   NOT NULL,
    masked       TEXT   NOT NULL,
    brand        TEXT   NOT NULL,
    cvn_digits   BIGINT NOT NULL,
    expiry_month BIGINT NOT NULL,
    expiry_year  BIGINT NOT NULL,
    cardholder   TEXT   NOT NULL,
    created      BIGINT NOT NULL
);

CREATE TABLE session (
    id       TEXT   NOT NULL PRIMARY KEY,
    business TEXT   NOT NULL,
    version  BIGINT NOT NULL, -- NOT NULL is what makes a lost race an error on SQLite
    status   TEXT   NOT NULL,
    token    TEXT   NOT NULL,
    attempt  TEXT   NOT NULL, -- the request under way, or empty
    data     TEXT   NOT NULL
);

CREATE TABLE request (
    id      TEXT   NOT NULL PRIMARY KEY,
    session TEXT   NOT NULL,
    payment TEXT   NOT NULL UNIQUE,
    page    TEXT   NOT NULL UNIQUE,
    version BIGINT NOT NULL,
    state   TEXT   NOT NULL,
    data    TEXT   NOT NULL
);

-- Every AReq that was made for an attempt, not only the last.
CREATE TABLE authentication (
    server_trans_id TEXT NOT NULL PRIMARY KEY,
    request         TEXT NOT NULL
);

-- Every message of ours that the acquirer may answer.
CREATE TABLE trace (
    key     TEXT NOT NULL PRIMARY KEY,
    request TEXT NOT NULL
);

-- Every authentication value that was authorised with, by its SHA-256. A second use is refused by the key.
CREATE TABLE proof (
    value_hash BYTEA NOT NULL PRIMARY KEY,
    request    TEXT  NOT NULL
);

CREATE TABLE reversal (
    id      TEXT NOT NULL PRIMARY KEY,
    request TEXT NOT NULL,
    status  TEXT NOT NULL,
    data    TEXT NOT NULL
);

-- Sealed CVNs. On PostgreSQL the next migration keeps this table out of the write-ahead log.
CREATE TABLE cvn_escrow (
    request    TEXT   NOT NULL,
    verifier   BYTEA  NOT NULL,
    ciphertext BYTEA  NOT NULL,
    nonce      BYTEA  NOT NULL,
    master_key TEXT   NOT NULL,
    expires    BIGINT NOT NULL,
    PRIMARY KEY (request, verifier)
);
CREATE INDEX cvn_escrow_expires ON cvn_escrow (expires);

CREATE TABLE cvn_mismatch (
    token TEXT   NOT NULL,
    day   TEXT   NOT NULL, -- 2006-01-02, UTC
    n     BIGINT NOT NULL,
    PRIMARY KEY (token, day)
);

CREATE TABLE notice (
    id       TEXT   NOT NULL PRIMARY KEY,
    business TEXT   NOT NULL,
    kind     TEXT   NOT NULL,
    object   TEXT   NOT NULL,
    sequence BIGINT NOT NULL,
    data     TEXT   NOT NULL,
    created  BIGINT NOT NULL
);

CREATE TABLE delivery (
    notice   TEXT   NOT NULL,
    endpoint TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    status   BIGINT NOT NULL, -- HTTP status; 0 when no answer came
    problem  TEXT   NOT NULL,
    took     BIGINT NOT NULL, -- microseconds
    PRIMARY KEY (notice, endpoint, at)
);

CREATE TABLE idempotency (
    business    TEXT   NOT NULL,
    endpoint    TEXT   NOT NULL,
    key         TEXT   NOT NULL,
    fingerprint BYTEA  NOT NULL,
    status      BIGINT NOT NULL,
    body        BYTEA  NOT NULL,
    created     BIGINT NOT NULL,
    PRIMARY KEY (business, endpoint, key)
);
CREATE INDEX idempotency_created ON idempotency (created);

-- Counters from which blocks of numbers are leased.
CREATE TABLE lane (
    name TEXT   NOT NULL PRIMARY KEY,
    next BIGINT NOT NULL
);

-- Everything that is to be done later. next_at is schedule, retry time and lease in one.
CREATE TABLE work (
    kind    TEXT   NOT NULL,
    ref     TEXT   NOT NULL,
    peer    TEXT   NOT NULL, -- who is waited for, where the work waits for someone of the merchant's
    next_at BIGINT NOT NULL,
    attempt BIGINT NOT NULL, -- tries that came to an end
    PRIMARY KEY (kind, ref)
);
CREATE INDEX work_next_at ON work (next_at);
