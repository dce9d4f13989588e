//! From a source to an output: fetch, probe, plan, run FFmpeg, move the moov atom, stage, publish.
//!
//! Whoever runs it observes it, and has the last word right before the output becomes visible. Nothing here knows of leases,
//! queues or tables.

use std::{future::Future, time::Duration};

use nommer_core::{
    error::{Code, JobError},
    job::{Output, Report},
    options::OptionPolicy,
    plan::{OUTPUT_FILE, Plan, SOURCE_FILE, plan},
    ports::{MediaError, MediaStorage, ObjectFacts},
    probe::Probe,
    progress::{self, Line, Progress, Tracker},
    spec::JobSpec,
    uri::MediaUri,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    child::{Patience, Pulse},
    sandbox::Limits,
    steps,
    tools::{Run, Tools},
    workspace::Workspace,
};

/// Time between the request to FFmpeg to end and its kill. Short: what it could still finish is not wanted, and a lease that ran out
/// must not be outlived.
const GRACE: Duration = Duration::from_millis(500);

/// What runs attempts on this machine.
#[derive(Clone, Debug)]
pub struct Pipeline<M> {
    /// Where media comes from and goes to.
    pub storage: M,
    /// FFmpeg.
    pub tools: Tools,
    /// Which options are let in; checked here again, whatever was checked at submit.
    pub options: OptionPolicy,
    /// How long all passes together may take.
    pub time_limit: Duration,
    /// After how long without progress and without work FFmpeg is ended.
    pub stall_limit: Duration,
}

/// What is to be done in one attempt.
#[derive(Clone, Debug)]
pub struct Request {
    /// What the caller asked for.
    pub spec: JobSpec,
    /// The source, with its secrets.
    pub source: MediaUri,
    /// The destination, with its secrets.
    pub destination: MediaUri,
    /// The version of the source that an earlier attempt read.
    pub source_etag: Option<String>,
}

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

    /// FFmpeg is done and the output is being staged.
    fn uploading(&mut self) -> impl Future<Output = Result<(), Stop>> + Send;

    /// The output is about to become visible.
    fn publishing(&mut self) -> impl Future<Output = Result<(), Stop>> + Send;
}

impl<M: MediaStorage> Pipeline<M> {
    /// Runs one attempt in a fresh work folder. Canceling ends FFmpeg at once.
    pub async fn run(
        &self,
        request: &Request,
        work: &Workspace,
        cancel: &CancellationToken,
        observer: &mut impl Observer,
    ) -> Result<Vec<Output>, Stop> {
        let attempt = Attempt {
            pipeline: self,
            request,
            work,
            cancel,
        };
        attempt.run(observer).await
    }
}

/// What was learnt of the source.
struct Source {
    facts: ObjectFacts,
    demuxer: &'static str,
    probe: Probe,
    /// Bytes that were free before it was fetched.
    room: u64,
}

struct Attempt<'a, M> {
    pipeline: &'a Pipeline<M>,
    request: &'a Request,
    work: &'a Workspace,
    cancel: &'a CancellationToken,
}

impl<M: MediaStorage> Attempt<'_, M> {
    async fn run(&self, observer: &mut impl Observer) -> Result<Vec<Output>, Stop> {
        let Pipeline {
            storage,
            tools,
            options,
            ..
        } = self.pipeline;
        let destination = &self.request.destination;
        // The destination as it is now: what is published later replaces exactly this.
        let before = storage
            .stat(destination)
            .await
            .map_err(|error| destination_error(&error))?;
        let source = self.fetch().await?;
        let plan = plan(&self.request.spec, &source.probe, source.demuxer, options)?;
        observer
            .encoding(self.report(&plan, &source).await?)
            .await?;
        self.encode(&plan, &source, observer).await?;
        observer.uploading().await?;
        let output = steps::look_at_output(tools, self.work, self.cancel).await?;
        let segments = steps::relocate(&plan, self.work).await?;
        let file = self.work.file(OUTPUT_FILE);
        let staging = self.unless_canceled(storage.stage(destination, &file, &segments));
        let staged = staging.await?.map_err(|error| destination_error(&error))?;
        if let Err(stop) = observer.publishing().await {
            storage.discard(staged).await;
            return Err(stop);
        }
        let committed = storage.commit(staged, before.as_ref()).await;
        let output = Output {
            url: destination.redacted(),
            etag: committed.map_err(|error| destination_error(&error))?,
            ..output
        };
        Ok(vec![output])
    }

    async fn fetch(&self) -> Result<Source, Stop> {
        let (storage, uri) = (&self.pipeline.storage, &self.request.source);
        let found = storage
            .stat(uri)
            .await
            .map_err(|error| source_error(&error))?;
        let found = found.ok_or_else(|| source_error(&MediaError::NotFound(uri.redacted())))?;
        let room = self.work.need_room(found.bytes.unwrap_or(0))?;
        let file = self.work.file(SOURCE_FILE);
        let pinned = self
            .request
            .source_etag
            .as_deref()
            .or(found.etag.as_deref());
        let fetching = self.unless_canceled(storage.fetch(uri, pinned, &file));
        let facts = fetching.await?.map_err(|error| source_error(&error))?;
        let demuxer = steps::sniff(&file)?;
        let probe = steps::probe(
            &self.pipeline.tools,
            self.work,
            SOURCE_FILE,
            demuxer,
            self.cancel,
        )
        .await?;
        Ok(Source {
            facts,
            demuxer,
            probe,
            room,
        })
    }

    async fn report(&self, plan: &Plan, source: &Source) -> Result<Report, JobError> {
        let resolved = plan.passes.iter().map(|pass| {
            let program = std::iter::once("ffmpeg".to_owned());
            program.chain(pass.args.iter().cloned()).collect()
        });
        Ok(Report {
            resolved: resolved.collect(),
            warnings: plan.warnings.clone(),
            ffmpeg_version: Some(
                self.pipeline
                    .tools
                    .version(self.work.folder())
                    .await?
                    .to_owned(),
            ),
            source_bytes: source.facts.bytes,
            source_etag: source.facts.etag.clone(),
            source_seconds: source.probe.duration.map(|duration| duration.as_secs_f64()),
        })
    }

    async fn encode(
        &self,
        plan: &Plan,
        source: &Source,
        observer: &mut impl Observer,
    ) -> Result<(), Stop> {
        let weights = plan.passes.iter().map(|pass| pass.weight).collect();
        let mut tracker = Tracker::new(weights, source.probe.duration);
        let begun = Instant::now();
        for (number, pass) in plan.passes.iter().enumerate() {
            if number > 0 {
                tracker.next_pass();
            }
            let run = Run {
                folder: self.work.folder(),
                args: pass.args.clone(),
                limits: Limits {
                    file_bytes: Some(source.room),
                    ..Limits::default()
                },
                patience: Patience {
                    stall: self.pipeline.stall_limit,
                    wall: self.pipeline.time_limit.saturating_sub(begun.elapsed()),
                    grace: GRACE,
                },
            };
            let mut report = progress::Report::default();
            let mut furthest = (None, None);
            let mut on_line = |line: &str| {
                if report.take(line) == Line::Part {
                    return Pulse::Unchanged;
                }
                observer.progress(tracker.progress(&report));
                let now = (report.out_time, report.total_size);
                let pulse = if now == furthest {
                    Pulse::Unchanged
                } else {
                    Pulse::Advanced
                };
                furthest = now;
                pulse
            };
            self.pipeline
                .tools
                .encode(run, self.cancel, &mut on_line)
                .await?;
        }
        Ok(())
    }

    /// Stops waiting when the attempt is canceled.
    async fn unless_canceled<T>(&self, work: impl Future<Output = T>) -> Result<T, Stop> {
        let stopped = || JobError::new(Code::Interrupted, "the attempt was stopped");
        Ok(self
            .cancel
            .run_until_cancelled(work)
            .await
            .ok_or_else(stopped)?)
    }
}

fn source_error(error: &MediaError) -> JobError {
    let code = match error {
        MediaError::NotFound(_) => Code::SourceNotFound,
        MediaError::Forbidden(_) => Code::SourceForbidden,
        MediaError::Changed(_) => Code::SourceChanged,
        MediaError::NoSpace(_) => Code::OutOfDisk,
        MediaError::Unusable(_) => Code::SourceUnreadable,
        MediaError::Unavailable { .. } => Code::Unavailable,
    };
    JobError::new(code, error.to_string())
}

fn destination_error(error: &MediaError) -> JobError {
    let code = match error {
        MediaError::NotFound(_) | MediaError::Forbidden(_) | MediaError::Unusable(_) => {
            Code::DestForbidden
        }
        MediaError::Changed(_) => Code::DestConflict,
        MediaError::NoSpace(_) => Code::OutOfDisk,
        MediaError::Unavailable { .. } => Code::DestUnavailable,
    };
    JobError::new(code, error.to_string())
}
