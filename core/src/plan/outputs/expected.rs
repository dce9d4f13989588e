//! How long an output must last, by what its source says of itself: what FFmpeg makes of a source that was cut off is shorter.

use std::time::Duration;

use super::allowed::Made;
use crate::{
    probe::{Probe, Stream, StreamKind},
    spec::JobSpec,
};

/// None where it cannot be known: of most containers a length is a guess, and options of one's own may cut.
pub(super) fn expected(
    spec: &JobSpec,
    probe: &Probe,
    demuxer: &str,
    made: &Made<'_>,
) -> Option<Duration> {
    if !matches!(demuxer, "mov" | "matroska") || !spec.extras.overrides.is_empty() {
        return None;
    }
    let seconds = |stream: &Stream| Duration::try_from_secs_f64(stream.seconds?).ok();
    let video = probe.video().filter(|_| !made.pictures.is_empty());
    let audio = probe.audio().filter(|_| made.audio.is_some());
    let used: Vec<&Stream> = video.into_iter().chain(audio).collect();
    let longest = used.iter().copied().filter_map(seconds).max();
    let whole = match (longest, probe.duration) {
        (Some(stream), Some(whole)) => Some(stream.min(whole)),
        (Some(stream), None) => Some(stream),
        // The length of the whole is that of its longest stream, which need not be one that is used.
        (None, whole) => whole.filter(|_| {
            let others = |stream: &&Stream| stream.kind != StreamKind::Cover;
            probe.streams.iter().filter(others).count() == used.len()
        }),
    };
    spec.clip.map_or(whole, |clip| clip.length(whole))
}
