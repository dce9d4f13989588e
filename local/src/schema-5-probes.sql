-- Version 5. Probes are jobs that no list shows.

ALTER TABLE jobs ADD COLUMN probe INTEGER NOT NULL DEFAULT 0;
