//! The domain of media-nommer: what a job is, what becomes of it, which FFmpeg runs it needs, how many encoders it is worth.
//!
//! Nothing here does IO, looks at a clock, draws a random number or starts a thread: callers pass in what they know and carry out
//! what is decided. Start reading at [`job`]; the ports to the world are in [`ports`].

pub mod batch;
pub mod id;
pub mod job;
pub mod lane;
pub mod lease;

pub mod address;
pub mod json;
pub mod key;
pub mod nearest;
pub mod sealed;
pub mod secret;
pub mod sieve;
pub mod spec;
pub mod stored_preset;
mod unset;
pub mod upload;
pub mod uri;

pub mod filtergraph;
pub mod legacy_presets;
pub mod limits;
pub mod log;
pub mod moov;
pub mod options;
pub mod output;
pub mod plan;
pub mod presets;
pub mod probe;
pub mod progress;
pub mod sniff;

pub mod fleet;
pub mod instance;
pub mod money;
pub mod notify;
pub mod prune;
pub mod simulate;
pub mod watch;
pub mod webhook;

pub mod api;
pub mod captions;
pub mod commit;
pub mod error;
pub mod extras;
pub mod memory;

pub mod ports;
pub mod settings;
#[cfg(test)]
mod testing;
