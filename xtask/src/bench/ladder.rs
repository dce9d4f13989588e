//! Three sizes from one decode, against three commands with the same settings, each with a decode of its own. And one web file, against
//! FFmpeg and `qt-faststart`, for the bytes that are written.

use std::{ffi::OsString, fs, path::Path};

use anyhow::{Context as _, Result, ensure};

use super::{Row, lavfi, measure};
use crate::{process, workspace::Workspace};

/// How often each command is measured.
const ROUNDS: usize = 3;

/// The sizes, as (lines, pixels across).
const SIZES: [(u32, u32); 3] = [(1_080, 1_920), (720, 1_280), (480, 854)];

/// What every size is encoded with: what `nommer` says for `{"speed": "veryfast", "crf": 23}`.
const VIDEO: &str = "-c:v libx264 -preset:v veryfast -profile:v high -crf:v 23";

const AUDIO: &str = "-c:a aac -b:a 128k";

const FFMPEG: &str = "ffmpeg -y -nostdin -hide_banner -nostats -loglevel error";

/// Compares them.
///
/// # Errors
/// The program does not build; a command fails; the outputs are not of the same sizes.
pub(super) fn run(workspace: &Workspace) -> Result<Vec<Row>> {
    process::run(&mut workspace.cargo(["build", "--release", "--package", "nommer"]))?;
    let nommer = workspace.target().join("release/nommer");
    let folder = workspace.tools().join("bench-ladder");
    fs::create_dir_all(&folder)?;
    let source = folder.join("source.mp4");
    make_source(workspace, &source)?;
    let sizes: Vec<String> = SIZES
        .iter()
        .map(|(lines, _)| format!("{{\"name\": \"{lines}\", \"video\": {{\"height\": {lines}, \"speed\": \"veryfast\", \"crf\": 23}}}}"))
        .collect();
    let job = folder.join("job.json");
    fs::write(&job, format!("{{\"outputs\": [{}]}}", sizes.join(", "))).context("write the job")?;
    let one = folder.join("one.json");
    fs::write(&one, format!("{{\"outputs\": [{}]}}", sizes[1])).context("write the job")?;
    let ours = |file: &Path, out: &str| -> Vec<OsString> {
        vec![
            nommer.clone().into(),
            "--data-dir".into(),
            folder.join("data").into(),
            "encode".into(),
            source.clone().into(),
            folder.join(out).into(),
            "--file".into(),
            file.into(),
        ]
    };
    let rows = measure::compare(
        ROUNDS,
        &[
            variant("three commands", script(&folder, &source, &SIZES, "")),
            measure::Variant {
                label: "three sizes from one decode",
                argv: ours(&job, "ours/"),
            },
            variant(
                "one command and qt-faststart",
                script(
                    &folder,
                    &source,
                    &SIZES[1..2],
                    " && qt-faststart 720.mp4 first.mp4",
                ),
            ),
            measure::Variant {
                label: "one web file",
                argv: ours(&one, "ours.mp4"),
            },
        ],
    )?;
    check_sizes(&folder)?;
    fs::remove_dir_all(&folder)?;
    Ok(rows)
}

/// Both ways made the same pictures by the same encoder, to some percent.
fn check_sizes(folder: &Path) -> Result<()> {
    for (lines, _) in SIZES {
        let bytes = |name: String| fs::metadata(folder.join(name)).map(|file| file.len());
        let (theirs, ours) = (
            bytes(format!("{lines}.mp4"))?,
            bytes(format!("ours/{lines}.mp4"))?,
        );
        ensure!(
            theirs.abs_diff(ours) * 50 < theirs,
            "{lines} lines: {theirs} and {ours} bytes"
        );
    }
    Ok(())
}

fn variant(label: &'static str, script: String) -> measure::Variant {
    measure::Variant {
        label,
        argv: vec!["sh".into(), "-c".into(), script.into()],
    }
}

fn script(folder: &Path, source: &Path, sizes: &[(u32, u32)], more: &str) -> String {
    let commands: Vec<String> = sizes
        .iter()
        .map(|(lines, across)| {
            format!(
                "{FFMPEG} -i {} -vf scale={across}:{lines},setsar=1,format=yuv420p {VIDEO} {AUDIO} -f mp4 {lines}.mp4",
                source.display()
            )
        })
        .collect();
    format!("cd {} && {}{more}", folder.display(), commands.join(" && "))
}

/// A real film in 1080p, as a camera or an editor leaves it: twenty seconds at some 20 Mbit/s.
fn make_source(workspace: &Workspace, source: &Path) -> Result<()> {
    let film = workspace.tools().join("clips/bigbuckbunny.mp4");
    let mut ffmpeg = lavfi(&[]);
    ffmpeg.args(["-stream_loop", "3", "-i"]).arg(film);
    ffmpeg.args(["-t", "20", "-vf", "scale=1920:1080,noise=alls=4:allf=t"]);
    ffmpeg.args([
        "-c:v", "libx264", "-preset", "medium", "-b:v", "20M", "-c:a", "aac",
    ]);
    process::run(ffmpeg.arg(source))
}
