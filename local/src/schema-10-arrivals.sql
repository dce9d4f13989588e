-- Version 10. New jobs that came at about the same time, with their keys and their queues: written here as they come, and into the
-- tables of their own and their indexes with many others.

CREATE TABLE arrivals (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    state TEXT NOT NULL,
    ended INTEGER NOT NULL,
    external_id TEXT,
    live_destination TEXT,
    record TEXT NOT NULL,
    owner TEXT,
    probe INTEGER NOT NULL,
    batch TEXT,
    queue TEXT,
    key TEXT,
    body_hash TEXT,
    expires_at INTEGER
) STRICT;
