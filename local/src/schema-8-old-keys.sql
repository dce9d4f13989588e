-- Version 8. Every request with an idempotency key forgets those whose time is over; it must find them without reading all.

CREATE INDEX idempotency_keys_by_time ON idempotency_keys (expires_at);
