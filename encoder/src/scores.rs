//! Comparisons of outputs with their source, after all passes.

use nommer_core::{
    error::{Code, JobError},
    extras::Metric,
    plan::Score,
    ports::MediaStorage,
    progress::{self, Line},
};
use tokio::time::Instant;

use crate::{
    attempt::{Made, Observer, Stop},
    child::Pulse,
    pipeline::OnThisMachine,
    sandbox::Limits,
    tools::Run,
};

impl<M: MediaStorage> OnThisMachine<'_, M> {
    /// Refuses, before any work is done, what this FFmpeg cannot compare.
    pub(crate) async fn can_compare(&self) -> Result<(), JobError> {
        if self.request.spec.extras.score != Some(Metric::Vmaf) {
            return Ok(());
        }
        let tools = &self.pipeline.tools;
        let filters = tools
            .print(self.work.folder(), &["-hide_banner", "-filters"])
            .await?;
        if filters
            .split_whitespace()
            .any(|word| word == Metric::Vmaf.filter())
        {
            return Ok(());
        }
        let message = "score: this FFmpeg has no libvmaf";
        Err(JobError::new(Code::UnsupportedCodec, message).with_hint(
            "ask for \"ssim\", or name an FFmpeg with libvmaf in the settings (ffmpeg.path)",
        ))
    }

    /// Makes all comparisons, in their order. In the log they are runs from number `after` on.
    pub(crate) async fn compare(
        &self,
        (scores, after): (&[Score], usize),
        begun: Instant,
        observer: &mut impl Observer,
    ) -> Result<Vec<f64>, Stop> {
        let mut found = Vec::new();
        for (number, score) in scores.iter().enumerate() {
            let run = Run {
                folder: self.work.folder(),
                args: score.args.clone(),
                limits: Limits::default(),
                patience: self.patience(begun),
            };
            let mut report = progress::Report::default();
            let mut furthest = None;
            let mut on_line = |line: &str| {
                if report.take(line) == Line::Part || report.out_time == furthest {
                    return Pulse::Unchanged;
                }
                furthest = report.out_time;
                Pulse::Advanced
            };
            let running = self.pipeline.tools.encode(run, self.cancel, &mut on_line);
            let (words, compared) = running.await;
            let words = words.to_string();
            observer.said(after + number, &words);
            compared?;
            found.push(score.metric.read(&words).ok_or_else(|| {
                JobError::new(
                    Code::EncoderFailed,
                    "FFmpeg compared an output and gave no score",
                )
            })?);
        }
        Ok(found)
    }
}

/// Writes the scores into the outputs that they are of.
pub(crate) fn note(made: &mut [Made], scores: &[Score], found: &[f64]) {
    for (score, value) in scores.iter().zip(found) {
        let Some(one) = made.get_mut(score.product) else {
            continue;
        };
        let output = &mut one.output;
        let (ssim, vmaf) = match output.renditions.get_mut(score.rendition) {
            Some(rendition) => (&mut rendition.ssim, &mut rendition.vmaf),
            None => (&mut output.ssim, &mut output.vmaf),
        };
        match score.metric {
            Metric::Ssim => *ssim = Some(*value),
            Metric::Vmaf => *vmaf = Some(*value),
        }
    }
}
