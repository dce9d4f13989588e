//! The FFmpeg runs of an attempt, one after the other, each with its limits, its patience and its report.

use std::time::Duration;

use nommer_core::{
    error::{Code, JobError, Warning},
    plan::{Plan, ProductKind},
    ports::MediaStorage,
    progress::{self, Line, Tracker},
};
use tokio::time::Instant;

use crate::{
    attempt::{Observer, Stop},
    child::{Patience, Pulse},
    diagnose::damage,
    package,
    point::{reach, reach_at_once},
    sandbox::Limits,
    stream::Stream,
    tools::Run,
};

use super::{OnThisMachine, Source};

/// Time between the request to FFmpeg to end and its kill. Short: what it could still finish is not wanted, and a lease that ran out
/// must not be outlived.
const GRACE: Duration = Duration::from_millis(500);

impl<M: MediaStorage> OnThisMachine<'_, M> {
    /// Runs all passes. Gives what they found of damage in the source.
    pub(super) async fn encode_passes(
        &self,
        source: &Source,
        stream: Option<&Stream>,
        begun: Instant,
        observer: &mut impl Observer,
    ) -> Result<Option<Warning>, Stop> {
        let plan = &source.plan;
        let weights = plan.passes.iter().map(|pass| pass.weight).collect();
        let mut tracker = Tracker::new(weights, plan.duration);
        for product in &plan.products {
            if matches!(
                product.kind,
                ProductKind::Package(_) | ProductKind::Sheets(_)
            ) {
                package::prepare(&self.work.file(&product.file), &self.request.parts)?;
            }
        }
        let mut found = None;
        for (number, pass) in plan.passes.iter().enumerate() {
            if number > 0 {
                reach("between_passes").await;
                tracker.next_pass();
            }
            let run = Run {
                folder: self.work.folder(),
                args: pass.args.clone(),
                limits: Limits {
                    file_bytes: Some(source.room.min(self.pipeline.limits.output_bytes)),
                    ..Limits::default()
                },
                patience: self.patience(begun),
            };
            let mut report = progress::Report::default();
            let mut furthest = (None, None);
            let mut on_line = |line: &str| {
                if report.take(line) == Line::Part {
                    return Pulse::Unchanged;
                }
                observer.progress(tracker.progress(&report));
                reach_at_once("in_a_pass");
                let now = (report.out_time, report.total_size);
                let pulse = if now == furthest {
                    Pulse::Unchanged
                } else {
                    Pulse::Advanced
                };
                furthest = now;
                pulse
            };
            let stop = self.cancel.child_token();
            let encoding = self.pipeline.tools.encode(run, &stop, &mut on_line);
            let (words, encoded) = match stream {
                Some(stream) => self.streaming(stream, source.room, encoding, &stop).await?,
                None => encoding.await,
            };
            observer.said(number + 1, &words.to_string());
            encoded.map_err(|error| self.cut_off(error, plan))?;
            found = found.or_else(|| damage(&words));
        }
        Ok(found)
    }

    /// How long an FFmpeg run may take, of runs that together began then.
    pub(crate) fn patience(&self, begun: Instant) -> Patience {
        let asked = self.request.spec.timeout_seconds.map(Duration::from_secs);
        let allowed = self.pipeline.time_limit;
        let limit = asked.map_or(allowed, |asked| asked.min(allowed));
        Patience {
            stall: self.pipeline.stall_limit,
            wall: limit.saturating_sub(begun.elapsed()),
            grace: GRACE,
        }
    }

    /// Tells a full disk from an output that reached the operator's limit.
    fn cut_off(&self, error: JobError, plan: &Plan) -> JobError {
        let limits = &self.pipeline.limits;
        let reached = plan.products.iter().any(|product| {
            let written = std::fs::symlink_metadata(self.work.file(&product.file));
            written.is_ok_and(|output| output.len() >= limits.output_bytes)
        });
        if error.code == Code::OutOfDisk && reached {
            limits.output_too_large()
        } else {
            error
        }
    }
}
