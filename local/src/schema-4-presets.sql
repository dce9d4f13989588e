-- Version 4. Presets of one's own.

CREATE TABLE presets (
    name TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;
