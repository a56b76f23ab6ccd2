-- An endpoint wants some events or all of them, and can be disabled. What is to be delivered has a row of its
-- own, beside the attempts to deliver it, so that it can be listed and sent again.

-- +goose Up

ALTER TABLE endpoint ADD COLUMN events TEXT NOT NULL DEFAULT '[]'; -- the kinds of notice it wants; none: all
ALTER TABLE endpoint ADD COLUMN disabled BIGINT NOT NULL DEFAULT 0; -- when; 0 is one that is told
ALTER TABLE endpoint ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE endpoint ADD COLUMN created BIGINT NOT NULL DEFAULT 0;

ALTER TABLE delivery RENAME TO delivery_attempt;
CREATE TABLE delivery (
    business TEXT NOT NULL,
    notice   TEXT NOT NULL, -- begins with the time, so the key lists the newest first when read backwards
    endpoint TEXT NOT NULL,
    status   TEXT NOT NULL,
    PRIMARY KEY (business, notice, endpoint)
);
INSERT INTO delivery (business, notice, endpoint, status)
SELECT n.business, n.id, w.peer, 'PENDING'
FROM work w JOIN notice n ON n.id = substr(w.ref, 1, 36) WHERE w.kind = 'webhook';
INSERT INTO delivery (business, notice, endpoint, status)
SELECT n.business, n.id, a.endpoint, CASE WHEN max(CASE WHEN a.status BETWEEN 200 AND 299 THEN 1 ELSE 0 END) = 1 THEN 'DELIVERED' ELSE 'FAILED' END
FROM delivery_attempt a JOIN notice n ON n.id = a.notice
WHERE a.at > 0 GROUP BY n.business, n.id, a.endpoint
ON CONFLICT DO NOTHING;
