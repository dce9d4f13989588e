//! Moving the moov box of a file over 1 GB: our plan against C `qt-faststart`, and against a file ten times as large.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::FileExt as _,
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use nommer_core::moov::{ReadAt, Relocation, Segment, plan_relocation};

use super::{Row, lavfi, measure};
use crate::{process, workspace::Workspace};

/// Seconds of the clip that is repeated, and how often: at 30 Mb/s this makes about 1.1 GB.
const CLIP_SECS: u32 = 10;
const REPEATS: u32 = 30;

/// How often each command is measured.
const ROUNDS: usize = 5;

/// The plan's cost is that of starting a process, so many plans are made in one.
const PLANS: u32 = 1_000;

/// Compares the tools.
///
/// # Errors
/// A tool is missing or fails; the outputs differ.
pub(super) fn run(workspace: &Workspace) -> Result<Vec<Row>> {
    let folder = workspace.tools().join("bench-moov");
    fs::create_dir_all(&folder)?;
    let (source, sparse) = (folder.join("source.mp4"), folder.join("sparse.mp4"));
    make_source(&folder, &source)?;
    make_sparse(&source, &sparse, 10 << 30)?;
    let (theirs, ours) = (folder.join("theirs.mp4"), folder.join("ours.mp4"));
    process::run(Command::new("qt-faststart").args([&source, &theirs]))?;
    join(&source, &ours)?;
    ensure!(
        process::succeeds(Command::new("cmp").args([&theirs, &ours])),
        "the outputs differ"
    );
    let xtask = std::env::current_exe()?;
    let plan = |label, file: &Path, times: u32| measure::Variant {
        label,
        argv: vec![
            xtask.clone().into(),
            "plan-moov".into(),
            file.into(),
            OsString::from(times.to_string()),
        ],
    };
    let rows = measure::compare(
        ROUNDS,
        &[
            measure::Variant {
                label: "C qt-faststart, 1.1 GB",
                argv: vec![
                    "qt-faststart".into(),
                    source.clone().into(),
                    theirs.clone().into(),
                ],
            },
            plan("our plan, 1.1 GB", &source, 1),
            plan("1,000 of our plans, 1.1 GB", &source, PLANS),
            plan("our plan, 10 GB sparse", &sparse, 1),
        ],
    );
    fs::remove_dir_all(&folder)?;
    rows
}

/// A file over 1 GB with its moov box at the end: noise, so that the bit rate is kept.
fn make_source(folder: &Path, source: &Path) -> Result<()> {
    let clip = folder.join("clip.mp4");
    let noise =
        format!("nullsrc=size=1280x720:rate=25:duration={CLIP_SECS},geq=random(1)*255:128:128");
    let mut ffmpeg = lavfi(&[&noise]);
    ffmpeg.args(["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "30M"]);
    process::run(ffmpeg.arg(&clip))?;
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args([
        "-v",
        "error",
        "-y",
        "-stream_loop",
        &REPEATS.to_string(),
        "-i",
    ]);
    process::run(ffmpeg.arg(&clip).args(["-c", "copy"]).arg(source))?;
    let bytes = fs::metadata(source)?.len();
    ensure!(bytes > 1_000_000_000, "the source has only {bytes} bytes");
    Ok(())
}

/// The same file with a hole in its media data: `mdat` gets a 64-bit size, and the file this length.
fn make_sparse(source: &Path, sparse: &Path, length: u64) -> Result<()> {
    let mut original = File::open(source)?;
    let (mut at, end) = (0, original.metadata()?.len());
    let (mut head, mut moov) = (Vec::new(), Vec::new());
    while at < end {
        let mut header = [0; 8];
        original.read_exact_at(&mut header, at)?;
        let size = u64::from(u32::from_be_bytes(header[..4].try_into()?));
        ensure!(size >= 8, "the source has boxes of 32-bit sizes");
        let into = match &header[4..] {
            b"moov" => Some(&mut moov),
            b"mdat" => None,
            _ => Some(&mut head),
        };
        if let Some(bytes) = into {
            original.seek(SeekFrom::Start(at))?;
            (&mut original).take(size).read_to_end(bytes)?;
        }
        at += size;
    }
    let mdat = length - (head.len() + moov.len()) as u64;
    let mut file = File::create(sparse)?;
    file.write_all(&head)?;
    file.write_all(&1_u32.to_be_bytes())?;
    file.write_all(b"mdat")?;
    file.write_all(&mdat.to_be_bytes())?;
    file.seek(SeekFrom::Start(head.len() as u64 + mdat))?;
    file.write_all(&moov)?;
    Ok(())
}

/// Makes the plan for a file, so many times: the program that is measured.
///
/// # Errors
/// The file cannot be read or planned.
pub(crate) fn plan(file: &Path, times: u32) -> Result<Vec<Segment>> {
    let open = Opened(File::open(file)?);
    let mut segments = Vec::new();
    for _ in 0..times {
        segments = match plan_relocation(&open)? {
            Relocation::Plan(segments) => segments,
            Relocation::Unneeded(reason) => anyhow::bail!("nothing to move: {reason}"),
        };
    }
    Ok(segments)
}

/// Writes the relocated file out, to be compared.
fn join(source: &Path, into: &Path) -> Result<()> {
    let mut file = File::open(source)?;
    let mut out = File::create(into)?;
    for segment in plan(source, 1)? {
        match segment {
            Segment::Bytes(bytes) => out.write_all(&bytes)?,
            Segment::Source { offset, len } => {
                file.seek(SeekFrom::Start(offset))?;
                io::copy(&mut (&mut file).take(len), &mut out).context("copy the media")?;
            }
        }
    }
    Ok(())
}

struct Opened(File);

impl ReadAt for Opened {
    fn size(&self) -> u64 {
        self.0.metadata().map_or(0, |found| found.len())
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(buf, offset)
    }
}
