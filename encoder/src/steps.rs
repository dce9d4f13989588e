//! The steps of an attempt that look at files in its work folder.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use nommer_core::{
    error::{Code, JobError},
    job::Output,
    moov::{FILE_BLOCK, MoovError, ReadAt, Relocation, Segment, plan_aligned_relocation},
    plan::SOURCE_FILE,
    probe::{Probe, probe_args},
    sniff::{SNIFF_BYTES, sniff as sniff_bytes},
    uri::MediaUri,
};
use tokio_util::sync::CancellationToken;

use crate::{package::Package, tools::Tools, workspace::Workspace};

fn io_error(what: &str) -> impl Fn(io::Error) -> JobError {
    let what = what.to_owned();
    move |error| JobError::new(Code::Unavailable, format!("{what}: {error}"))
}

pub(crate) fn head(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?
        .take(SNIFF_BYTES as u64)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Which demuxer reads the source, by its first bytes.
pub(crate) fn sniff(file: &Path) -> Result<&'static str, JobError> {
    let bytes = head(file).map_err(io_error("read the source"))?;
    if bytes.is_empty() {
        return Err(JobError::new(Code::SourceUnreadable, "the source is empty"));
    }
    sniff_bytes(&bytes).ok_or_else(|| {
        JobError::new(Code::SourceUnreadable, "the source is not media of a kind that we take")
            .with_hint("playlists, scripts and raw streams are not taken; wrap the media in a container such as MP4 or Matroska")
    })
}

/// What ffprobe says of the source that lies in the work folder, under its name there.
pub async fn look_at_source(
    tools: &Tools,
    work: &Workspace,
    cancel: &CancellationToken,
) -> Result<Probe, JobError> {
    let demuxer = sniff(&work.file(SOURCE_FILE))?;
    probe(tools, work, SOURCE_FILE, demuxer, cancel).await
}

/// What ffprobe says of a file in the work folder.
pub(crate) async fn probe(
    tools: &Tools,
    work: &Workspace,
    file: &str,
    demuxer: &str,
    cancel: &CancellationToken,
) -> Result<Probe, JobError> {
    let json = tools
        .probe(work.folder(), probe_args(demuxer, file), cancel)
        .await?;
    Probe::parse(&json).map_err(|error| {
        JobError::new(Code::SourceUnreadable, format!("ffprobe's answer: {error}"))
    })
}

const NOTHING: &str =
    "ffmpeg succeeded and wrote nothing; does the job ask for a time beyond the source's end?";

fn failed(what: &str) -> JobError {
    JobError::new(Code::EncoderFailed, what)
}

/// Facts of an output in a file, once FFmpeg says that it is done. An output that cannot be read is a failure, whatever FFmpeg says.
pub(crate) async fn look_at_file(
    tools: &Tools,
    work: &Workspace,
    name: &str,
    cancel: &CancellationToken,
) -> Result<Output, JobError> {
    let file = work.file(name);
    // Whatever FFmpeg was made to leave in its place, only a file of its own is looked at.
    let found = std::fs::symlink_metadata(&file).map_err(|_missing| failed(NOTHING))?;
    if !found.is_file() {
        return Err(failed("the output is no file"));
    }
    let head = head(&file).map_err(io_error("read the output"))?;
    if head.is_empty() {
        return Err(failed(NOTHING));
    }
    let probe = match sniff_bytes(&head) {
        Some(demuxer) => readable(tools, work, (name, demuxer), cancel).await?,
        None => Probe::default(),
    };
    let mut output = of_probe(&probe);
    output.bytes = found.len();
    Ok(output)
}

/// What ffprobe says of something that we made.
async fn readable(
    tools: &Tools,
    work: &Workspace,
    (name, demuxer): (&str, &str),
    cancel: &CancellationToken,
) -> Result<Probe, JobError> {
    let probe = probe(tools, work, name, demuxer, cancel).await;
    let probe =
        probe.map_err(|error| failed(&format!("the output cannot be read: {}", error.message)))?;
    if probe.streams.is_empty() {
        return Err(failed(NOTHING));
    }
    Ok(probe)
}

fn of_probe(probe: &Probe) -> Output {
    let (video, audio) = (probe.video(), probe.audio());
    Output {
        duration: probe.duration.map(|duration| duration.as_secs_f64()),
        width: video.and_then(|video| video.width),
        height: video.and_then(|video| video.height),
        video_codec: video.and_then(|video| video.codec.clone()),
        audio_codec: audio.and_then(|audio| audio.codec.clone()),
        ..Output::default()
    }
}

/// Facts of a packaged output: of its initialization segments, and of what was measured.
pub(crate) async fn look_at_package(
    tools: &Tools,
    work: &Workspace,
    folder: &str,
    package: &Package,
    cancel: &CancellationToken,
) -> Result<Output, JobError> {
    let mut output = Output::default();
    for init in &package.inits {
        let name = format!("{folder}/{init}");
        let probe = readable(tools, work, (&name, "mov"), cancel).await?;
        let found = of_probe(&probe);
        output.width = output.width.or(found.width);
        output.height = output.height.or(found.height);
        output.video_codec = output.video_codec.or(found.video_codec);
        output.audio_codec = output.audio_codec.or(found.audio_codec);
    }
    output.bytes = package.bytes;
    output.duration = Some(package.seconds);
    output.renditions.clone_from(&package.renditions);
    Ok(output)
}

/// The pieces of a file in the order in which they are delivered. To a folder of this machine, the media moves by whole blocks, so that
/// it need not be written again.
pub(crate) async fn relocate(
    file: PathBuf,
    wanted: bool,
    to: &MediaUri,
) -> Result<Vec<Segment>, JobError> {
    let block = if to.path().is_some() { FILE_BLOCK } else { 1 };
    let planning = tokio::task::spawn_blocking(move || relocation(&file, wanted, block));
    planning.await.map_err(|panicked| {
        JobError::new(Code::Internal, format!("move the moov atom: {panicked}"))
    })?
}

fn relocation(file: &Path, wanted: bool, block: u16) -> Result<Vec<Segment>, JobError> {
    let failed = io_error("read the output");
    let file = OpenFile::open(file).map_err(&failed)?;
    let as_it_is = || {
        vec![Segment::Source {
            offset: 0,
            len: file.size(),
        }]
    };
    if !wanted {
        return Ok(as_it_is());
    }
    match plan_aligned_relocation(&file, block) {
        Ok(Relocation::Plan(segments)) => Ok(segments),
        // Other containers have no moov atom. The plan says so in a warning.
        Ok(Relocation::Unneeded(_)) | Err(MoovError::NotIsoMedia) => Ok(as_it_is()),
        Err(error) => Err(JobError::new(
            Code::EncoderFailed,
            format!("move the moov atom: {error}"),
        )),
    }
}

/// A file with its size, read by position.
struct OpenFile {
    file: File,
    size: u64,
}

impl OpenFile {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let size = file.metadata()?.len();
        Ok(Self { file, size })
    }
}

impl ReadAt for OpenFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buf, offset)
    }
}
