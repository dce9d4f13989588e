//! Named points in the life of an attempt. Tests hold a debug build's encoder there, to strike it at the worst moment; in all other
//! builds there is nothing here.
//!
//! The variable `HOLD_ENCODER_AT` is `POINT=FOLDER`. The first encoder that reaches the point writes its process id into the file
//! `reached` of that folder, and goes on when there is a file `go`. Those that come after it pass.

/// The attempt has come this far.
#[cfg(debug_assertions)]
pub(crate) async fn reach(name: &str) {
    if let Some(go) = debug::held(name) {
        while !go.exists() {
            tokio::time::sleep(debug::LOOK).await;
        }
    }
}

/// The same where nothing can be awaited.
#[cfg(debug_assertions)]
pub(crate) fn reach_at_once(name: &str) {
    if let Some(go) = debug::held(name) {
        while !go.exists() {
            std::thread::sleep(debug::LOOK);
        }
    }
}

/// Nothing.
#[cfg(not(debug_assertions))]
#[expect(clippy::unused_async, reason = "awaited in debug builds")]
pub(crate) async fn reach(_name: &str) {}

/// Nothing.
#[cfg(not(debug_assertions))]
pub(crate) fn reach_at_once(_name: &str) {}

#[cfg(debug_assertions)]
mod debug {
    use std::{fs::File, io::Write as _, path::PathBuf, sync::OnceLock, time::Duration};

    /// Pause between two looks.
    pub(super) const LOOK: Duration = Duration::from_millis(10);

    /// The file to wait for, if this process is to be held here.
    pub(super) fn held(name: &str) -> Option<PathBuf> {
        static HOLD: OnceLock<Option<(String, PathBuf)>> = OnceLock::new();
        let hold = HOLD.get_or_init(|| {
            let text = std::env::var("HOLD_ENCODER_AT").ok()?;
            let (point, folder) = text.split_once('=')?;
            Some((point.to_owned(), folder.into()))
        });
        let (_, folder) = hold.as_ref().filter(|(point, _)| point == name)?;
        let mut reached = File::create_new(folder.join("reached")).ok()?;
        writeln!(reached, "{}", std::process::id()).ok()?;
        Some(folder.join("go"))
    }
}
