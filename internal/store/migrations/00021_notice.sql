-- What was told about one payment or session is the question that a merchant asks most.

-- +goose Up

CREATE INDEX notice_object ON notice (object);
