//! The whole system from outside: real processes, real FFmpeg, real clips. Run by `cargo xtask test`.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

mod counting;
mod emulator;
mod harness;

mod address;
mod arrivals;
mod bad_input;
mod bad_media;
mod bad_requests;
mod batch;
mod boot;
mod cli;
mod clients;
mod conformance;
mod delete;
mod deploy;
mod durability;
mod ec2;
mod every_preset;
mod examples;
mod extras;
mod fleet;
mod gallery;
mod hostile;
mod infra;
mod keys;
mod kill;
mod layout;
mod lifecycle;
mod limits;
mod load;
mod moov;
mod notifications;
mod old_jobs;
mod openapi;
mod outputs;
mod playback;
mod presets;
mod probes;
mod readme;
mod s3;
mod scale;
mod secrets;
mod session;
mod signature;
mod streaming;
mod upload_parts;
mod uploads;
mod watch;
mod webhooks;
mod written;
