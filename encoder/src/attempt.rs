//! From a source to an output, step by step: prepare, encode, stage, publish.
//!
//! Whoever runs it observes it, and has the last word right before the output becomes visible. Nothing here knows of leases,
//! queues or tables, nor of FFmpeg.

use std::{future::Future, path::PathBuf};

use nommer_core::{
    error::{Code, JobError, Warning},
    job::{Output, OutputFile, Report},
    moov::Segment,
    ports::{MediaStorage, ObjectAttributes},
    progress::Progress,
    uri::MediaUri,
};
use tokio_util::sync::CancellationToken;

use crate::{point::reach, publication::Publication};

/// Why an attempt ended without an output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It failed.
    Failed(JobError),
    /// The observer said no. Nothing more may be written.
    Refused,
}

impl From<JobError> for Stop {
    fn from(error: JobError) -> Self {
        Self::Failed(error)
    }
}

/// Who is told of the steps, and may say no to each.
pub trait Observer: Send {
    /// The plan is made and FFmpeg begins.
    fn encoding(&mut self, report: Report) -> impl Future<Output = Result<(), Stop>> + Send;

    /// FFmpeg got on.
    fn progress(&mut self, progress: Progress);

    /// What FFmpeg said in a run that ended, well or badly.
    fn said(&mut self, pass: usize, words: &str);

    /// FFmpeg is done, with this to say of the source, and the output is being staged.
    fn uploading(
        &mut self,
        warnings: Vec<Warning>,
    ) -> impl Future<Output = Result<(), Stop>> + Send;

    /// The output is about to become visible.
    fn publishing(&mut self) -> impl Future<Output = Result<(), Stop>> + Send;
}

/// What is done to media between the steps that others see.
pub trait Steps: Sync {
    /// What is known of the source.
    type Source: Send + Sync;

    /// Fetches the source, looks at it and plans.
    fn prepare(&self) -> impl Future<Output = Result<(Self::Source, Report), Stop>> + Send;

    /// Makes the output, in a file of this machine. Gives what was found on the way.
    fn encode(
        &self,
        source: &Self::Source,
        observer: &mut impl Observer,
    ) -> impl Future<Output = Result<Vec<Warning>, Stop>> + Send;

    /// Looks at what was made.
    fn look(&self, source: &Self::Source) -> impl Future<Output = Result<Vec<Made>, Stop>> + Send;
}

/// An output in files of this machine.
#[derive(Clone, Debug)]
pub struct Made {
    /// What it is; its files and their version tags are added later.
    pub output: Output,
    /// Files under names that nothing refers to before the files below are visible.
    pub parts: Vec<MadeFile>,
    /// The files that make it visible, in the order in which they have to be.
    pub files: Vec<MadeFile>,
}

impl Made {
    /// The output as it is recorded, once its files are visible and have these version tags. The last of them is the one at its address, and
    /// all others lie below the folder of that.
    pub(crate) fn recorded(self, etags: Vec<Option<String>>) -> Output {
        let mut output = self.output;
        let Some(main) = self.files.last() else {
            return output;
        };
        let address = main.destination.identity();
        let folder = &address[..address.rfind('/').map_or(0, |slash| slash + 1)];
        let name = |file: &MadeFile| {
            let address = file.destination.identity();
            address.strip_prefix(folder).map(str::to_owned)
        };
        output.files = OutputFile::all(self.parts.iter().filter_map(name));
        let mut shown: Vec<_> = self.files.iter().filter_map(name).zip(etags).collect();
        output.etag = shown.pop().and_then(|(_, etag)| etag);
        output
            .files
            .extend(shown.into_iter().map(|(name, etag)| OutputFile {
                name,
                count: None,
                etag,
            }));
        output
    }
}

/// A file of this machine and where it goes.
#[derive(Clone, Debug)]
pub struct MadeFile {
    /// Where.
    pub destination: MediaUri,
    /// The file.
    pub file: PathBuf,
    /// The parts of it that are delivered, in order.
    pub segments: Vec<Segment>,
    /// What the store is told of it.
    pub attributes: ObjectAttributes,
}

/// Runs one attempt. Canceling ends it at once, unless an output may be visible already.
///
/// `destinations` are those of the outputs: files, or folders of what is packaged.
pub async fn attempt<M: MediaStorage, S: Steps>(
    storage: &M,
    steps: &S,
    destinations: &[MediaUri],
    cancel: &CancellationToken,
    observer: &mut impl Observer,
) -> Result<Vec<Output>, Stop> {
    // The destinations as they are now: what is published later replaces exactly these.
    let mut publication = Publication::new(storage, cancel);
    publication.look(destinations).await?;
    reach("destination").await;
    let (source, report) = steps.prepare().await?;
    reach("prepared").await;
    observer.encoding(report).await?;
    reach("encoding").await;
    let warnings = steps.encode(&source, observer).await?;
    reach("encoded").await;
    observer.uploading(warnings).await?;
    reach("uploading").await;
    let made = steps.look(&source).await?;
    reach("made").await;
    publication.stage(&made).await?;
    reach("staged").await;
    if let Err(stop) = observer.publishing().await {
        publication.discard().await;
        return Err(stop);
    }
    reach("publishing").await;
    let outputs = publication.commit(made).await;
    reach("committed").await;
    outputs
}

/// Stops waiting when the attempt is canceled.
pub(crate) async fn unless_canceled<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = T>,
) -> Result<T, Stop> {
    let stopped = || JobError::new(Code::Interrupted, "the attempt was stopped");
    Ok(cancel.run_until_cancelled(work).await.ok_or_else(stopped)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(address: &str) -> MadeFile {
        MadeFile {
            destination: serde_json::from_value(address.into()).unwrap(),
            file: PathBuf::new(),
            segments: Vec::new(),
            attributes: ObjectAttributes::NONE,
        }
    }

    fn recorded(parts: &[&str], files: &[&str]) -> Output {
        let made = Made {
            output: Output::default(),
            parts: parts.iter().map(|address| file(address)).collect(),
            files: files.iter().map(|address| file(address)).collect(),
        };
        let etags = (0..files.len()).map(|number| Some(number.to_string()));
        made.recorded(etags.collect())
    }

    #[test]
    fn an_output_in_one_file_is_recorded_with_its_version_alone() {
        let output = recorded(&[], &["s3://out-bucket/film/a.mp4"]);
        assert_eq!(output.etag.as_deref(), Some("0"));
        assert!(output.files.is_empty());
    }

    #[test]
    fn the_files_of_a_package_are_recorded_from_its_folder_on() {
        let output = recorded(
            &[
                "file:///out/film/job_1/video/720/00001.m4s",
                "file:///out/film/job_1/video/720/00002.m4s",
                "file:///out/film/job_1/captions-en.vtt",
            ],
            &[
                "file:///out/film/media_0.m3u8",
                "file:///out/film/manifest.mpd",
                "file:///out/film/master.m3u8",
            ],
        );
        assert_eq!(output.etag.as_deref(), Some("2"));
        let told: Vec<_> = output
            .files
            .iter()
            .map(|file| (file.name.as_str(), file.count, file.etag.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("job_1/video/720/00001.m4s", Some(2), None),
                ("job_1/captions-en.vtt", None, None),
                ("media_0.m3u8", None, Some("0")),
                ("manifest.mpd", None, Some("1")),
            ]
        );
    }
}
