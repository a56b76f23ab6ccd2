-- A stored card is written as other objects are: what is looked up or guarded is a column, the rest is JSON.

-- +goose Up

ALTER TABLE token ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
ALTER TABLE token ADD COLUMN data TEXT NOT NULL DEFAULT '{}';
UPDATE token SET data = '{"Masked":"' || masked || '","Brand":"' || brand || '","CVNDigits":' || cvn_digits
    || ',"ExpiryMonth":' || expiry_month || ',"ExpiryYear":' || expiry_year
    || ',"Cardholder":{"FirstName":"' || replace(replace(cardholder, '\', '\\'), '"', '\"') || '"}}';
ALTER TABLE token DROP COLUMN masked;
ALTER TABLE token DROP COLUMN brand;
ALTER TABLE token DROP COLUMN cvn_digits;
ALTER TABLE token DROP COLUMN expiry_month;
ALTER TABLE token DROP COLUMN expiry_year;
ALTER TABLE token DROP COLUMN cardholder;
