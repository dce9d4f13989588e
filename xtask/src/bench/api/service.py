"""What one would write with FastAPI and SQLite for the same promise: a job that was answered is on disk.

One transaction for each job, with the same rows that ours has: the job, its destination claim, its idempotency key, its message in
the queue. Its functions are plain ones, which FastAPI runs on threads: its documentation says so for databases that cannot be awaited
(https://fastapi.tiangolo.com/async/). With ON_THE_EVENT_LOOP they run on the event loop instead, which stands still meanwhile: that
takes less CPU. Run by `cargo xtask bench --only api`.
"""

import functools
import hashlib
import json
import os
import sqlite3
import threading
import time
import uuid
from datetime import datetime, timezone
from typing import Annotated, Literal

from fastapi import FastAPI, Header, HTTPException, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, version INTEGER NOT NULL, state TEXT NOT NULL, ended INTEGER NOT NULL,
    external_id TEXT, live_destination TEXT, record TEXT NOT NULL) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS one_live_job_per_destination ON jobs (live_destination) WHERE live_destination IS NOT NULL;
CREATE INDEX IF NOT EXISTS unfinished_jobs ON jobs (id) WHERE ended = 0;
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, id);
CREATE INDEX IF NOT EXISTS jobs_by_external_id ON jobs (external_id, id) WHERE external_id IS NOT NULL;
CREATE TABLE IF NOT EXISTS idempotency_keys (key TEXT PRIMARY KEY, body_hash TEXT NOT NULL, job_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS messages (number INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, job_id TEXT NOT NULL,
    visible_at INTEGER NOT NULL, receives INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE INDEX IF NOT EXISTS messages_by_time ON messages (queue, visible_at);
"""
DAY = 24 * 3_600

Short = Annotated[str, StringConstraints(max_length=500)]


class JobRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    source_path: Annotated[str, StringConstraints(min_length=1, max_length=2_048)]
    dest_path: Annotated[str, StringConstraints(min_length=1, max_length=2_048)]
    preset: Literal["web-mp4-480p", "web-mp4-720p", "web-mp4-1080p"]
    external_id: Short | None = None
    metadata: Annotated[dict[Short, Short], Field(max_length=16)] = {}
    max_attempts: Annotated[int, Field(ge=1, le=10)] = 3

    @field_validator("source_path", "dest_path")
    @classmethod
    def known_scheme(cls, value: str) -> str:
        if not value.startswith(("s3://", "https://", "file://")):
            raise ValueError("must begin with s3://, https:// or file://")
        return value


class Change(BaseModel):
    sequence: int
    state: str
    at: datetime
    attempt: int


class Job(BaseModel):
    object: str = "job"
    id: str
    state: str
    state_details: str = ""
    attempts: int = 0
    sequence: int = 1
    external_id: str | None
    metadata: dict[str, str]
    source_path: str
    dest_path: str
    preset: str
    progress: float | None = None
    outputs: list[dict] = []
    warnings: list[dict] = []
    error: dict | None = None
    max_attempts: int
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    events: list[Change]


class Page(BaseModel):
    data: list[Job]
    next_cursor: str | None


app = FastAPI()
local = threading.local()


def placed(function):
    """Where a function runs."""
    if "ON_THE_EVENT_LOOP" not in os.environ:
        return function

    @functools.wraps(function)
    async def on_the_event_loop(**arguments):
        return function(**arguments)

    return on_the_event_loop


def database() -> sqlite3.Connection:
    if not hasattr(local, "connection"):
        connection = sqlite3.connect(os.environ["DATABASE"], timeout=30, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(SCHEMA)
        local.connection = connection
    return local.connection


def known(connection: sqlite3.Connection, key: str, body_hash: str, now: float) -> Job | None:
    connection.execute("DELETE FROM idempotency_keys WHERE key = ? AND expires_at <= ?", (key, int(now * 1000)))
    row = connection.execute(
        "SELECT record, body_hash FROM idempotency_keys JOIN jobs ON id = job_id WHERE key = ?", (key,)
    ).fetchone()
    if row is None:
        return None
    if row[1] != body_hash:
        raise HTTPException(422, "the idempotency key was used before with another body")
    return Job.model_validate_json(row[0])


@app.post("/v1/jobs", status_code=201)
@placed
def create(
    request: JobRequest, response: Response, idempotency_key: Annotated[str | None, Header(max_length=255)] = None
) -> Job:
    connection, now = database(), time.time()
    body_hash = hashlib.sha256(json.dumps(request.model_dump(), sort_keys=True).encode()).hexdigest()
    at = datetime.fromtimestamp(now, timezone.utc)
    job = Job(
        id="job_%012x%s" % (int(now * 1000), uuid.uuid4().hex[:20]),
        state="PENDING",
        created_at=at,
        events=[Change(sequence=1, state="PENDING", at=at, attempt=0)],
        **request.model_dump(),
    )
    connection.execute("BEGIN IMMEDIATE")
    try:
        if idempotency_key is not None and (found := known(connection, idempotency_key, body_hash, now)):
            connection.execute("COMMIT")
            return found
        connection.execute(
            "INSERT INTO jobs (id, version, state, ended, external_id, live_destination, record) VALUES (?, 1, ?, 0, ?, ?, ?)",
            (job.id, job.state, job.external_id, job.dest_path, job.model_dump_json()),
        )
        if idempotency_key is not None:
            connection.execute(
                "INSERT INTO idempotency_keys (key, body_hash, job_id, expires_at) VALUES (?, ?, ?, ?)",
                (idempotency_key, body_hash, job.id, int((now + DAY) * 1000)),
            )
        connection.execute(
            "INSERT INTO messages (queue, job_id, visible_at) VALUES ('job', ?, ?)", (job.id, int(now * 1000))
        )
        connection.execute("COMMIT")
    except sqlite3.IntegrityError:
        connection.execute("ROLLBACK")
        raise HTTPException(409, "dest_path is the destination of a live job") from None
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return job


@app.get("/v1/jobs")
@placed
def show(
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: str | None = None,
    state: str | None = None,
    external_id: str | None = None,
) -> Page:
    sql, values = "SELECT record FROM jobs WHERE id < ?", [cursor or "~"]
    for column, value in (("state", state), ("external_id", external_id)):
        if value is not None:
            sql += f" AND {column} = ?"
            values.append(value)
    rows = database().execute(sql + " ORDER BY id DESC LIMIT ?", (*values, limit + 1)).fetchall()
    jobs = [Job.model_validate_json(row[0]) for row in rows]
    return Page(data=jobs[:limit], next_cursor=jobs[limit - 1].id if len(jobs) > limit else None)
