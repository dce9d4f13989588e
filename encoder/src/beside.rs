//! What is read beside the source: captions and a watermark. Small files, read before FFmpeg runs.
//!
//! Captions are read by us and written anew, so that FFmpeg and players get nothing of a stranger's but words. A watermark is looked at
//! by ffprobe in the sandbox, like any media.

use std::{fs, path::Path};

use nommer_core::{
    captions::{MOST_BYTES, Track},
    error::{Code, JobError},
    extras::{CaptionMode, sniff_picture},
    plan::{BURNED_FILE, WATERMARK_FILE},
    ports::MediaStorage,
    uri::MediaUri,
};

use crate::{
    attempt::{Stop, unless_canceled},
    intake,
    pipeline::OnThisMachine,
    steps,
};

/// Largest watermark, in bytes.
const WATERMARK_BYTES: u64 = 16 << 20;

/// Where captions lie while they are read.
const CAPTIONS_FILE: &str = "captions";

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// The captions of the job, in its order, cut like the media.
    pub(crate) captions: Vec<Track>,
    /// What reads the watermark, if there is one.
    pub(crate) watermark: Option<&'static str>,
}

impl<M: MediaStorage> OnThisMachine<'_, M> {
    /// Fetches what the job names beside its source.
    pub(crate) async fn read_beside(&self) -> Result<Beside, Stop> {
        let extras = &self.request.spec.extras;
        let mut beside = Beside::default();
        for captions in &extras.captions {
            let mut track = self.captions(&captions.source_path).await?;
            if let Some(clip) = self.request.spec.clip {
                track = track.cut(clip.start, clip.end);
            }
            if captions.mode == CaptionMode::Burn {
                let file = self.work.file(BURNED_FILE);
                fs::write(file, track.to_srt()).map_err(|error| {
                    let message = format!("write the captions: {error}");
                    JobError::new(Code::Unavailable, message)
                })?;
            }
            beside.captions.push(track);
        }
        if let Some(watermark) = &extras.watermark {
            beside.watermark = Some(self.watermark(&watermark.source_path).await?);
        }
        Ok(beside)
    }

    async fn captions(&self, from: &MediaUri) -> Result<Track, Stop> {
        let file = self.work.file(CAPTIONS_FILE);
        self.small(from, MOST_BYTES, &file).await?;
        let bytes = fs::read(&file).map_err(|error| {
            JobError::new(Code::Unavailable, format!("read the captions: {error}"))
        })?;
        fs::remove_file(&file).ok();
        let track = Track::parse(&bytes).map_err(|error| {
            JobError::new(
                Code::SourceUnreadable,
                format!("the captions {from}: {error}"),
            )
        })?;
        Ok(track)
    }

    async fn watermark(&self, from: &MediaUri) -> Result<&'static str, Stop> {
        let file = self.work.file(WATERMARK_FILE);
        self.small(from, WATERMARK_BYTES, &file).await?;
        let unreadable = |why: &str| {
            let message = format!("the watermark {from}: {why}");
            JobError::new(Code::SourceUnreadable, message)
        };
        let head = steps::head(&file).map_err(|error| unreadable(&error.to_string()))?;
        let demuxer = sniff_picture(&head)
            .ok_or_else(|| unreadable("it is no picture; PNG, JPEG and WebP are taken"))?;
        let tools = &self.pipeline.tools;
        let probe = steps::probe(tools, self.work, WATERMARK_FILE, demuxer, self.cancel)
            .await
            .map_err(|error| unreadable(&error.message))?;
        self.pipeline.limits.check_source(&probe)?;
        let size = probe
            .video()
            .and_then(|video| video.width.zip(video.height));
        if size.is_none_or(|(width, height)| width == 0 || height == 0) {
            return Err(unreadable("it is no picture that can be read").into());
        }
        Ok(demuxer)
    }

    /// Fetches a file that may be no larger than this.
    async fn small(&self, from: &MediaUri, most: u64, to: &Path) -> Result<(), Stop> {
        let fits = |bytes: u64| {
            if bytes <= most {
                return Ok(());
            }
            let message = format!("{from} has more than {} KiB", most >> 10);
            Err(JobError::new(Code::SourceTooLarge, message))
        };
        let fetching = async {
            let fetched = self.pipeline.storage.fetch(from, None, most, to).await;
            fetched.map_err(|error| intake::refused(&error, fits))
        };
        unless_canceled(self.cancel, intake::bounded(fetching, to, fits)).await??;
        Ok(())
    }
}
