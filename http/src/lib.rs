//! Outgoing HTTP to addresses that strangers chose: sources to fetch, and receivers of notifications.
//!
//! One guard for both: names are resolved here, every address is vetted before a connection to exactly that address is made,
//! proxies and cookies are ignored, and nothing is decompressed. What is allowed is decided in `core`.

mod guard;
mod notifier;
mod source;

pub use notifier::HttpNotifier;
pub use source::HttpSource;
