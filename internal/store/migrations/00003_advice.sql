-- A reversal is one kind of advice among others.

-- +goose Up

ALTER TABLE reversal RENAME TO advice;
UPDATE work SET kind = 'advice' WHERE kind = 'reversal';
