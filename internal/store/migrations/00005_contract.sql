-- Attempts without a session, cards that are typed, hosted pages, refunds, and what is counted against a card.

-- +goose Up

ALTER TABLE session ADD COLUMN link TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX session_link ON session (link) WHERE link <> '';

ALTER TABLE request ADD COLUMN business TEXT NOT NULL DEFAULT '';
ALTER TABLE request ADD COLUMN token TEXT NOT NULL DEFAULT '';
ALTER TABLE request ADD COLUMN reference TEXT NOT NULL DEFAULT '';
ALTER TABLE request ADD COLUMN kind TEXT NOT NULL DEFAULT 'PAY'; -- PAY, PAY_AND_SAVE, SAVE
ALTER TABLE request ADD COLUMN kept_until BIGINT NOT NULL DEFAULT 0; -- 0: not over; else when its card's number is no longer needed
UPDATE request SET business = (SELECT business FROM session s WHERE s.id = request.session),
                   token = (SELECT token FROM session s WHERE s.id = request.session),
                   reference = id;
CREATE INDEX request_business ON request (business, id);
CREATE UNIQUE INDEX request_reference ON request (business, reference);
CREATE INDEX request_token ON request (token);

CREATE TABLE refund (
    id       TEXT   NOT NULL PRIMARY KEY,
    business TEXT   NOT NULL,
    request  TEXT   NOT NULL,
    version  BIGINT NOT NULL,
    status   TEXT   NOT NULL,
    data     TEXT   NOT NULL
);
CREATE INDEX refund_business ON refund (business, id);
CREATE INDEX refund_request ON refund (request);
CREATE INDEX advice_request ON advice (request);

DROP TABLE cvn_mismatch;
CREATE TABLE card_count (
    card TEXT   NOT NULL, -- fingerprint
    what TEXT   NOT NULL, -- mismatch, decline
    day  TEXT   NOT NULL, -- 2006-01-02, UTC
    n    BIGINT NOT NULL,
    PRIMARY KEY (card, what, day)
);
