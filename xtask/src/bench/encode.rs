//! The whole path of an encoder against a shell script that runs the same FFmpeg commands.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use super::{Row, lavfi, measure};
use crate::{process, workspace::Workspace};

/// How often each command is measured.
const ROUNDS: usize = 3;

/// The documented two passes, on a source that keeps FFmpeg busy for some ten seconds.
const PASS: &str = "-c:v libx264 -preset medium -profile:v baseline -b:v 400k -filter:v yadif,scale=w=640:h=trunc(ow/a/2)*2";

/// Compares them.
///
/// # Errors
/// The program does not build; a command fails.
pub(super) fn run(workspace: &Workspace) -> Result<Vec<Row>> {
    process::run(&mut workspace.cargo(["build", "--release", "--package", "nommer"]))?;
    let nommer = workspace.target().join("release/nommer");
    let folder = workspace.tools().join("bench-encode");
    fs::create_dir_all(&folder)?;
    let source = folder.join("source.mp4");
    make_source(&source)?;
    let options = folder.join("job_options.json");
    fs::write(&options, job_options()).context("write the options")?;

    let (source, options) = (source.display().to_string(), options.display().to_string());
    let out = |name: &str| folder.join(name).display().to_string();
    let common = "ffmpeg -y -nostdin -hide_banner -nostats -loglevel error";
    // As with the encoder, the passes run in a folder of their own and the moov box is moved at the end.
    let script = format!(
        "cd {} && {common} -i {source} {} -pass 1 -f mp4 -an /dev/null && {common} -i {source} {} -pass 2 -c:a aac -b:a 128k -f mp4 late.mp4 \
         && qt-faststart late.mp4 script.mp4",
        folder.display(),
        quoted(PASS),
        quoted(PASS),
    );
    let data = out("data");
    let rows = measure::compare(
        ROUNDS,
        &[
            measure::Variant {
                label: "shell script",
                argv: vec!["sh".into(), "-c".into(), script.into()],
            },
            measure::Variant {
                label: "nommer encode",
                argv: [
                    &nommer.display().to_string(),
                    "--data-dir",
                    &data,
                    "encode",
                    &source,
                    &out("ours.mp4"),
                    "--job-options",
                    &options,
                ]
                .map(Into::into)
                .to_vec(),
            },
        ],
    );
    fs::remove_dir_all(&folder)?;
    rows
}

/// A minute of moving bars and a tone.
fn make_source(source: &Path) -> Result<()> {
    let mut ffmpeg = lavfi(&[
        "testsrc2=size=1280x720:rate=25:duration=60",
        "sine=duration=60",
    ]);
    ffmpeg.args(["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"]);
    process::run(ffmpeg.arg(source))
}

/// The filter has parentheses, which a shell would take for its own.
fn quoted(words: &str) -> String {
    words
        .split(' ')
        .map(|word| format!("'{word}'"))
        .collect::<Vec<_>>()
        .join(" ")
}

fn job_options() -> String {
    let pairs = |more: &str| {
        let words: Vec<&str> = PASS.split(' ').collect();
        let pairs: Vec<String> = words
            .chunks(2)
            .map(|pair| format!("[\"{}\", \"{}\"]", &pair[0][1..], pair[1]))
            .collect();
        format!(
            "{{\"outfile_options\": [{}, {more}], \"move_atom_to_front\": ",
            pairs.join(", ")
        )
    };
    format!(
        "{{\"nommer\": \"ffmpeg\", \"options\": [{}false}}, {}true}}]}}",
        pairs("[\"pass\", 1], [\"f\", \"mp4\"], [\"an\", null]"),
        pairs("[\"pass\", 2], [\"c:a\", \"aac\"], [\"b:a\", \"128k\"], [\"f\", \"mp4\"]"),
    )
}
