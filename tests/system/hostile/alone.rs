//! FFmpeg, given what an attack asks for, with nothing checked before: in the sandbox, or without it.

use std::{ffi::OsStr, path::PathBuf, time::Duration};

use futures_util::{StreamExt as _, stream};
use nommer_encoder::{
    child::{Invocation, Patience, capture, find_program},
    sandbox::{Limits, Mode, Sandbox},
};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::{canary::Canary, corpus::Attack, media};
use crate::harness::{make_clip, nommer};

/// How many attacks are run at once.
const AT_ONCE: usize = 4;

/// After how long an attack that goes on is ended. Those that bite do so when FFmpeg opens its files.
const LIMIT: Duration = Duration::from_secs(5);

/// Where FFmpeg meets attacks.
pub(crate) struct Arena {
    sandbox: Sandbox,
    ffmpeg: PathBuf,
    clip: TempDir,
}

impl Arena {
    pub(crate) fn new(mode: Mode) -> Self {
        let clip = tempfile::tempdir().unwrap();
        make_clip(&clip.path().join("in.mp4"), 1, "64x48");
        Self {
            sandbox: Sandbox::new(mode, nommer().to_owned()),
            ffmpeg: find_program("ffmpeg", OsStr::new("/usr/local/bin:/usr/bin:/bin")).unwrap(),
            clip,
        }
    }

    /// Runs every attack that can be put to FFmpeg; how many those are.
    pub(crate) fn run_all(&self, attacks: &[Attack], canary: &Canary) -> usize {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let runs = attacks.iter().map(|attack| self.run(attack, canary));
        let ran = runtime.block_on(
            stream::iter(runs)
                .buffer_unordered(AT_ONCE)
                .collect::<Vec<_>>(),
        );
        ran.into_iter().filter(|ran| *ran).count()
    }

    /// Runs one; whether it can be put to FFmpeg at all.
    async fn run(&self, attack: &Attack, canary: &Canary) -> bool {
        let Some(argv) = attack.stock_argv() else {
            return false;
        };
        let job = tempfile::tempdir().unwrap();
        let work = job.path().display().to_string();
        let fill = |text: &str| canary.fill(text).replace("{WORK}", &work);
        std::fs::copy(self.clip.path().join("in.mp4"), job.path().join("in.mp4")).unwrap();
        if let Some(made) = &attack.media {
            media::make(made, job.path(), fill);
        }
        let ours = ["-y", "-nostdin", "-hide_banner", "-v", "error"].map(str::to_owned);
        let args = ours.into_iter().chain(argv.iter().map(|word| fill(word)));
        let invocation = Invocation {
            program: self.ffmpeg.clone(),
            args: args.map(Into::into).collect(),
            job_dir: job.path().to_owned(),
            limits: Limits {
                file_bytes: Some(64 << 20),
                ..Limits::default()
            },
            patience: Patience {
                stall: LIMIT,
                wall: LIMIT,
                grace: Duration::from_millis(100),
            },
        };
        capture(
            &self.sandbox,
            &invocation,
            &CancellationToken::new(),
            1 << 20,
        )
        .await;
        true
    }

    /// Runs one on its own, and says what it touched.
    pub(crate) fn bitten(&self, attack: &Attack, canary: &Canary) -> Vec<String> {
        self.run_all(std::slice::from_ref(attack), canary);
        canary.touched()
    }
}
