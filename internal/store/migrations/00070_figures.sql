-- Advices that are open, or were closed without the acquirer's word, are counted every few seconds.

-- +goose Up

CREATE INDEX advice_unsettled ON advice (status) WHERE status IN ('OPEN', 'NO_TRACE', 'GIVEN_UP');
