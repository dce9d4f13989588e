-- Version 2. API keys, and whose jobs are whose.

ALTER TABLE jobs ADD COLUMN owner TEXT;
CREATE INDEX jobs_by_owner ON jobs (owner, id) WHERE owner IS NOT NULL;
CREATE INDEX jobs_by_owner_and_state ON jobs (owner, state, id) WHERE owner IS NOT NULL;
CREATE INDEX unfinished_jobs_by_owner ON jobs (owner) WHERE ended = 0 AND owner IS NOT NULL;

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    record TEXT NOT NULL
) STRICT;
