-- Version 6. Batches, with what their jobs will be made of.

CREATE TABLE batches (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    owner TEXT,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX unfinished_batches ON batches (id) WHERE ended = 0;
CREATE INDEX batches_by_owner ON batches (owner, id) WHERE owner IS NOT NULL;

CREATE TABLE batch_entries (
    batch_id TEXT NOT NULL REFERENCES batches (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (batch_id, number)
) STRICT;

ALTER TABLE jobs ADD COLUMN batch TEXT;
CREATE INDEX jobs_by_batch ON jobs (batch, id) WHERE batch IS NOT NULL;
