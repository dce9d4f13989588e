-- Version 9. Fewer trees to write for each job: jobs that have not ended are found by their states, keys stand in their index, and messages get
-- numbers that no table must keep.

DROP INDEX unfinished_jobs;

CREATE TABLE named_keys (
    key TEXT PRIMARY KEY,
    body_hash TEXT NOT NULL,
    job_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO named_keys SELECT key, body_hash, job_id, expires_at FROM idempotency_keys;
DROP TABLE idempotency_keys;
ALTER TABLE named_keys RENAME TO idempotency_keys;
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (expires_at);

CREATE TABLE numbered_messages (
    number INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    job_id TEXT NOT NULL,
    visible_at INTEGER NOT NULL,
    receives INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO numbered_messages SELECT number, queue, job_id, visible_at, receives FROM messages;
DROP TABLE messages;
ALTER TABLE numbered_messages RENAME TO messages;
CREATE INDEX messages_by_time ON messages (queue, visible_at);
