//! What starting FFmpeg costs: the price of running it as a child process, once per pass.

use anyhow::Result;

use super::Row;
use super::measure::{Variant, compare};
use crate::tools;
use crate::workspace::Workspace;

/// Runs of each command. They take milliseconds, so many are cheap.
const ROUNDS: usize = 21;

/// Compares FFmpeg with the least that any process costs.
pub(super) fn run(workspace: &Workspace) -> Result<Vec<Row>> {
    tools::ensure_ffmpeg(workspace)?;
    let one_frame = "ffmpeg -nostdin -v error -f lavfi -i color=size=16x16 -frames:v 1 -f null -";
    let variants = [
        ("any process", "true"),
        ("ffmpeg that does nothing", "ffmpeg -v error -version"),
        ("ffmpeg that encodes one small frame", one_frame),
    ];
    let variants = variants.map(|(label, line)| Variant {
        label,
        argv: line.split(' ').map(Into::into).collect(),
    });
    compare(ROUNDS, &variants)
}
