-- Card ranges of directory servers: one node asks for them, all read what it wrote. A hundred thousand are written in
-- pieces, under a number that nobody reads yet; the row of the directory server then names that number.

-- +goose Up

CREATE TABLE card_range (
    directory TEXT   NOT NULL, -- its name in the settings
    url       TEXT   NOT NULL, -- where it is asked: another one knows nothing of the serial number
    version   BIGINT NOT NULL, -- of the pieces that hold; 0: none yet
    serial    TEXT   NOT NULL, -- serialNum of the PRes that they are as of
    loaded    BIGINT NOT NULL, -- when the directory server said so last; 0: never
    until     BIGINT NOT NULL, -- nobody asks it before: a node is at it, or it has just failed
    tries     BIGINT NOT NULL, -- that failed since the last that did not
    PRIMARY KEY (directory, url)
);

CREATE TABLE card_range_piece (
    directory TEXT   NOT NULL,
    url       TEXT   NOT NULL,
    version   BIGINT NOT NULL,
    piece     BIGINT NOT NULL, -- 0, 1, …
    data      TEXT   NOT NULL, -- JSON
    PRIMARY KEY (directory, url, version, piece)
);
