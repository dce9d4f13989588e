-- Version 7. Webhook endpoints, and notifications to more than one receiver. Samples belong to no job, so nothing refers to jobs here.

CREATE TABLE endpoints (
    owner TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;

-- `target` is empty for the address in the job; `place` sorts what goes to one endpoint by time.
CREATE TABLE notifications_to_all (
    job_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    target TEXT NOT NULL,
    place TEXT,
    next_attempt_at INTEGER,
    record TEXT NOT NULL,
    PRIMARY KEY (job_id, sequence, target)
) STRICT;
INSERT INTO notifications_to_all SELECT job_id, sequence, '', NULL, next_attempt_at, record FROM notifications;
DROP TABLE notifications;
ALTER TABLE notifications_to_all RENAME TO notifications;
CREATE INDEX due_notifications ON notifications (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX notifications_by_endpoint ON notifications (target, place) WHERE place IS NOT NULL;
