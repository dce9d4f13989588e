//! What EventBridge and SQS do on AWS: when scale, prune and state-change run.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use jiff::Timestamp;
use nommer_core::{
    memory::NoBus,
    ports::{Backend as _, ScaleSignal as _},
    prune::PrunePolicy,
};
use nommer_encoder::workspace::sweep;
use nommer_http::HttpNotifier;
use nommer_local::{Local, LocalSignal};
use nommer_prune::prune;
use nommer_scale::scale;
use nommer_state_change::StateChange;

use super::System;
use crate::failure::Failure;

/// Pause between two runs of prune: a dead encoder's job waits for its lease and this.
const PRUNE_INTERVAL: Duration = Duration::from_secs(1);

/// A run of scale is followed by a rest of so many times its length: it leaves the machine to those who submit and encode.
const REST: u32 = 20;

/// The rest of scale for each job that waits, if that is longer: a run reads them all, which takes a few thousandths of this for each.
const REST_PER_JOB: Duration = Duration::from_millis(3);

/// A run of prune is followed by a rest of so many times its length: it reads all jobs too, and nothing of what it repairs is urgent but
/// a lease that lapses, which ends the rest.
const REST_OF_PRUNE: u32 = 100;

/// Longest rest.
const REST_AT_MOST: Duration = Duration::from_secs(30);

/// How long state-change waits for a message before it looks whether it shall stop.
const STATE_CHANGE_WAIT: Duration = Duration::from_secs(1);

/// Pause after a fault of the table, before the next try.
const FAULT_PAUSE: Duration = Duration::from_secs(1);

/// What scale and prune tell each other.
#[derive(Clone, Debug, Default)]
pub(super) struct Backlog {
    /// Jobs that waited when scale looked last.
    waiting: Arc<AtomicU32>,
    /// Prune has repaired something: that ends a rest of scale.
    repaired: LocalSignal,
}

impl Backlog {
    /// How long scale is to rest after a run that began then.
    fn rest_after(&self, begun: Instant) -> Duration {
        let for_jobs = REST_PER_JOB * self.waiting.load(Ordering::Relaxed);
        (begun.elapsed() * REST).max(for_jobs).min(REST_AT_MOST)
    }
}

/// Runs scale when it is woken, and at its interval.
pub(super) fn scaling(system: &System, backlog: Backlog) -> impl Future<Output = ()> + use<> {
    let (local, fleet) = (Arc::clone(&system.local), Arc::clone(&system.fleet));
    let (settings, signal) = (system.settings.clone(), system.signal.clone());
    async move {
        loop {
            let begun = Instant::now();
            match scale(&*local, &*fleet, &settings, Timestamp::now()).await {
                Ok(scaled) => {
                    let waiting = u32::try_from(scaled.figures.jobs_waiting).unwrap_or(u32::MAX);
                    backlog.waiting.store(waiting, Ordering::Relaxed);
                }
                Err(error) => {
                    ::tracing::warn!(error = ?error, "a run of scale failed; the next one comes");
                }
            }
            tokio::time::timeout(backlog.rest_after(begun), backlog.repaired.woken())
                .await
                .ok();
            tokio::time::timeout(settings.fleet.scale_interval, signal.woken())
                .await
                .ok();
        }
    }
}

/// Runs prune again and again. What it repairs may need an encoder: it wakes scale, and ends its rest.
pub(super) fn pruning(system: &System, backlog: Backlog) -> impl Future<Output = ()> + use<> {
    let (local, fleet) = (Arc::clone(&system.local), Arc::clone(&system.fleet));
    let signal = system.signal.clone();
    let work = local.folder().join("work");
    let policy = PrunePolicy {
        lease_margin: Duration::ZERO,
        abandon_after: system.settings.jobs.abandon_after,
        silence: system.settings.encoder.lease * 2,
    };
    async move {
        loop {
            let begun = Instant::now();
            match prune(&*local, &*fleet, &policy, Timestamp::now()).await {
                Ok(pruned) if pruned.jobs > 0 => {
                    signal.wake().await.unwrap_or_default();
                    backlog.repaired.wake().await.unwrap_or_default();
                }
                Ok(_) => {}
                Err(error) => {
                    ::tracing::warn!(error = ?error, "a run of prune failed; the next one comes");
                }
            }
            // Of encoders that were killed and that no other follows.
            if let Err(error) = sweep(&work)
                && error.kind() != std::io::ErrorKind::NotFound
            {
                ::tracing::warn!(error = ?error, "work folders of dead encoders stay for now");
            }
            let rest = (begun.elapsed() * REST_OF_PRUNE).min(REST_AT_MOST);
            rest_of_prune(&local, &policy, rest).await;
        }
    }
}

/// Rests until a lease has lapsed, or for this long.
async fn rest_of_prune(local: &Local, policy: &PrunePolicy, rest: Duration) {
    let begun = Instant::now();
    loop {
        tokio::time::sleep(PRUNE_INTERVAL).await;
        let lapsed = local
            .store()
            .lease_has_lapsed(Timestamp::now(), policy.lease_margin);
        // A table that does not answer is for prune to tell of.
        if begun.elapsed() >= rest || lapsed.await.unwrap_or(true) {
            return;
        }
    }
}

/// Sends notifications as their messages come.
pub(super) fn state_changes(system: &System) -> Result<impl Future<Output = ()> + use<>, Failure> {
    let local = Arc::clone(&system.local);
    let state_change = StateChange {
        notifier: HttpNotifier::new(system.network.clone()).context("prepare the HTTP client")?,
        bus: NoBus,
        signing_secret: local.signing_secret().clone(),
        now: Timestamp::now,
    };
    Ok(async move {
        loop {
            if let Err(error) = state_change.poll(&*local, STATE_CHANGE_WAIT).await {
                ::tracing::warn!(error = ?error, "notifications wait; the next try comes");
                tokio::time::sleep(FAULT_PAUSE).await;
            }
        }
    })
}
