//! Time as the daemon lives it: what the wall says, and how long to wait. An argument, so that a test can own both.

use std::{future::Future, time::Duration};

use jiff::Timestamp;

/// A clock to read and to wait by.
pub trait Clock: Send + Sync + 'static {
    /// The time on the wall. It may jump, and disagree with that of other machines.
    fn now(&self) -> Timestamp;

    /// Waits for at least so long, however the wall's time jumps.
    fn sleep(&self, pause: Duration) -> impl Future<Output = ()> + Send;

    /// Waits for the work, but no longer than the limit; none when that is over. Work that is done counts, even if it is late.
    fn timeout<T: Send>(
        &self,
        limit: Duration,
        work: impl Future<Output = T> + Send,
    ) -> impl Future<Output = Option<T>> + Send {
        async move {
            tokio::select! {
                biased;
                done = work => Some(done),
                () = self.sleep(limit) => None,
            }
        }
    }
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    async fn sleep(&self, pause: Duration) {
        tokio::time::sleep(pause).await;
    }
}
