-- Version 3. What FFmpeg said in a job's last attempt.

CREATE TABLE logs (
    job_id TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    record TEXT NOT NULL
) STRICT;
