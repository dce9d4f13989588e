-- Version 1. Records are JSON; columns beside them are what is searched for. Times are milliseconds since 1970.

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    ended INTEGER NOT NULL,
    external_id TEXT,
    live_destination TEXT,
    record TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_live_job_per_destination ON jobs (live_destination) WHERE live_destination IS NOT NULL;
CREATE INDEX unfinished_jobs ON jobs (id) WHERE ended = 0;
CREATE INDEX jobs_by_state ON jobs (state, id);
CREATE INDEX jobs_by_external_id ON jobs (external_id, id) WHERE external_id IS NOT NULL;

CREATE TABLE idempotency_keys (
    key TEXT PRIMARY KEY,
    body_hash TEXT NOT NULL,
    job_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE notifications (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    next_attempt_at INTEGER,
    record TEXT NOT NULL,
    PRIMARY KEY (job_id, sequence)
) STRICT;
CREATE INDEX due_notifications ON notifications (next_attempt_at) WHERE next_attempt_at IS NOT NULL;

CREATE TABLE fleet (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;

CREATE TABLE instances (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    gone INTEGER NOT NULL,
    beat_at INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;

CREATE TABLE messages (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    job_id TEXT NOT NULL,
    visible_at INTEGER NOT NULL,
    receives INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX messages_by_time ON messages (queue, visible_at);

-- Encoder processes on this machine. `started` is the kernel's start time of the process, so that a reused pid is told apart.
CREATE TABLE processes (
    token TEXT PRIMARY KEY,
    instance_id TEXT NOT NULL UNIQUE,
    launched_at INTEGER NOT NULL,
    pid INTEGER,
    started INTEGER
) STRICT;
