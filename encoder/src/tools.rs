//! FFmpeg and ffprobe on this machine: found once, run in the sandbox.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use nommer_core::{
    error::{Code, JobError},
    settings::{FfmpegSettings, SandboxMode},
};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::{
    child::{Invocation, Outcome, Patience, Pulse, Tail, capture, find_program, follow},
    diagnose::diagnose,
    sandbox::{Limits, Mode, Sandbox},
};

/// Most that ffprobe may print: a file with a thousand streams prints less.
const PROBE_BYTES: usize = 4 << 20;

/// How long ffprobe may take: it reads headers only.
const PROBE_LIMIT: Duration = Duration::from_secs(60);

/// Where the two programs are, and what they run in.
#[derive(Clone, Debug)]
pub struct Tools {
    ffmpeg: PathBuf,
    ffprobe: PathBuf,
    sandbox: Sandbox,
    /// Asked once: starting FFmpeg costs more than anything else that a small job needs.
    version: Arc<OnceCell<String>>,
}

/// One run of a program.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    /// Where: all that it may write to.
    pub(crate) folder: &'a Path,
    /// With these arguments.
    pub(crate) args: Vec<String>,
    /// With no more than this.
    pub(crate) limits: Limits,
    /// For no longer than this.
    pub(crate) patience: Patience,
}

impl Tools {
    /// Looks for `ffmpeg` by name in `PATH` or at a path, and for `ffprobe` beside it or in `PATH`.
    pub fn find(settings: &FfmpegSettings) -> Result<Self, JobError> {
        let ffmpeg = &settings.path;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let missing = |name: &str| {
            JobError::new(
                Code::EncoderMissing,
                format!("{name} is not on this machine"),
            )
        };
        let found = match ffmpeg.to_str() {
            Some(name) if !name.contains('/') => find_program(name, &path),
            _ => ffmpeg.is_file().then(|| ffmpeg.to_owned()),
        };
        let found = found.ok_or_else(|| missing(&ffmpeg.display().to_string()))?;
        let beside = found.with_file_name("ffprobe");
        let ffprobe = if beside.is_file() {
            Some(beside)
        } else {
            find_program("ffprobe", &path)
        };
        let mode = match settings.sandbox {
            SandboxMode::Strict => Mode::Strict,
            SandboxMode::BestEffort => Mode::BestEffort,
            SandboxMode::Off => Mode::Off,
        };
        Ok(Self {
            ffmpeg: found,
            ffprobe: ffprobe.ok_or_else(|| missing("ffprobe"))?,
            sandbox: Sandbox::new(mode, PathBuf::from("/proc/self/exe")),
            version: Arc::default(),
        })
    }

    /// Where FFmpeg is.
    pub fn ffmpeg(&self) -> &Path {
        &self.ffmpeg
    }

    /// What programs run in.
    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The version that FFmpeg prints, such as `5.1.9-0+deb12u1`.
    pub async fn version(&self, folder: &Path) -> Result<&str, JobError> {
        let ask = async || {
            let printed = self.print(folder, &["-version"]).await?;
            Ok(printed
                .split_whitespace()
                .nth(2)
                .unwrap_or("unknown")
                .to_owned())
        };
        self.version.get_or_try_init(ask).await.map(String::as_str)
    }

    /// What FFmpeg prints for these arguments.
    pub async fn print(&self, folder: &Path, args: &[&str]) -> Result<String, JobError> {
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let bytes = self
            .capture(&self.ffmpeg, folder, args, &CancellationToken::new())
            .await?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// What ffprobe prints for these arguments, in this folder.
    pub(crate) async fn probe(
        &self,
        folder: &Path,
        args: Vec<String>,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>, JobError> {
        self.capture(&self.ffprobe, folder, args, cancel).await
    }

    async fn capture(
        &self,
        program: &Path,
        folder: &Path,
        args: Vec<String>,
        cancel: &CancellationToken,
    ) -> Result<Vec<u8>, JobError> {
        let patience = Patience {
            wall: PROBE_LIMIT,
            ..Patience::default()
        };
        let limits = Limits::default();
        let invocation = invocation(
            program,
            Run {
                folder,
                args,
                limits,
                patience,
            },
        );
        let (finished, captured) = capture(&self.sandbox, &invocation, cancel, PROBE_BYTES).await;
        match finished.outcome {
            Outcome::Success if captured.truncated => Err(JobError::new(
                Code::SourceUnreadable,
                "the source holds more streams than we take",
            )),
            Outcome::Success => Ok(captured.bytes),
            _ => Err(diagnose(&finished)),
        }
    }

    /// Runs FFmpeg. Each line of its progress goes to `on_line`; what it says besides is given at the end.
    pub(crate) async fn encode(
        &self,
        run: Run<'_>,
        cancel: &CancellationToken,
        on_line: &mut (dyn FnMut(&str) -> Pulse + Send),
    ) -> (Tail, Result<(), JobError>) {
        let invocation = invocation(&self.ffmpeg, run);
        let finished = follow(&self.sandbox, &invocation, cancel, on_line).await;
        let outcome = match finished.outcome {
            Outcome::Success => Ok(()),
            _ => Err(diagnose(&finished)),
        };
        (finished.stderr, outcome)
    }

    /// Makes a clip of ten seconds with moving bars and a tone, from FFmpeg's own sources.
    pub async fn make_clip(&self, file: &Path) -> Result<(), JobError> {
        let unusable = || {
            JobError::new(
                Code::Internal,
                format!("{} cannot hold a clip", file.display()),
            )
        };
        let folder = file.parent().ok_or_else(unusable)?;
        let name = file
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(unusable)?;
        let part = format!("{name}.part");
        let words = "-y -nostdin -v error -f lavfi -i testsrc2=size=1280x720:rate=25:duration=10 \
            -f lavfi -i sine=frequency=440:duration=10 -c:v libx264 -preset ultrafast -c:a aac -shortest -f mov";
        let mut args: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        args.push(format!("file:{part}"));
        let run = Run {
            folder,
            args,
            limits: Limits::default(),
            patience: Patience::default(),
        };
        let (_words, made) = self
            .encode(run, &CancellationToken::new(), &mut |_| Pulse::Unchanged)
            .await;
        made?;
        std::fs::rename(folder.join(part), file).map_err(|error| {
            JobError::new(Code::Internal, format!("make {}: {error}", file.display()))
        })
    }
}

fn invocation(program: &Path, run: Run<'_>) -> Invocation {
    Invocation {
        program: program.to_owned(),
        args: run.args.into_iter().map(OsString::from).collect(),
        job_dir: run.folder.to_owned(),
        limits: run.limits,
        patience: run.patience,
    }
}
