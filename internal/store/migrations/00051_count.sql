-- What was counted against a card is deleted by its day.

-- +goose Up

CREATE INDEX card_count_day ON card_count (day);
