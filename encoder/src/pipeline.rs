//! What an attempt does on this machine: fetch, probe, plan, run FFmpeg, move the moov atom. In which order, and who is asked
//! between the steps, is in [`attempt`].

mod passes;

use std::{sync::Mutex, time::Duration};

use nommer_core::{
    error::{JobError, Warning},
    job::{MOST_STREAMS, Output, Report},
    limits::MediaLimits,
    options::OptionPolicy,
    plan::{Demuxers, Plan, plan},
    ports::{MediaStorage, ObjectFacts},
    probe::Probe,
    settings::Settings,
    spec::JobSpec,
    uri::MediaUri,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    attempt::{Made, Observer, Steps, Stop, attempt},
    beside::Beside,
    point::reach,
    products::Look,
    scores,
    source::{Arrived, may_need_a_file},
    stream::Stream,
    tools::Tools,
    workspace::Workspace,
};

/// What runs attempts on this machine.
#[derive(Clone, Debug)]
pub struct Pipeline<M> {
    /// Where media comes from and goes to.
    pub storage: M,
    /// FFmpeg.
    pub tools: Tools,
    /// Which options are let in; checked here again, whatever was checked at submit.
    pub options: OptionPolicy,
    /// How large sources and outputs may be.
    pub limits: MediaLimits,
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
    /// The destination, with its secrets; none of a probe.
    pub destination: Option<MediaUri>,
    /// The version of the source that an earlier attempt read.
    pub source_etag: Option<String>,
    /// The folder for segments beside their manifests. No two jobs have the same: none changes what players of the other are reading.
    pub parts: String,
}

impl<M: MediaStorage> Pipeline<M> {
    /// As the settings say.
    pub fn new(settings: &Settings, storage: M, tools: Tools) -> Self {
        Self {
            storage,
            tools,
            options: OptionPolicy::from(settings),
            limits: settings.limits.clone(),
            time_limit: settings.jobs.time_limit,
            stall_limit: settings.encoder.stall_limit,
        }
    }

    /// Runs one attempt in a fresh work folder. Canceling ends FFmpeg at once.
    pub async fn run(
        &self,
        request: &Request,
        work: &Workspace,
        cancel: &CancellationToken,
        observer: &mut impl Observer,
    ) -> Result<Vec<Output>, Stop> {
        let steps = OnThisMachine {
            pipeline: self,
            request,
            work,
            cancel,
        };
        let Some(destination) = &request.destination else {
            let report = self.probe(request, work, cancel).await?;
            observer.encoding(report).await?;
            return Ok(Vec::new());
        };
        let destinations = request.spec.places(destination);
        attempt(&self.storage, &steps, &destinations, cancel, observer).await
    }
}

impl<M: MediaStorage> Pipeline<M> {
    /// Brings the source within reach and tells what it holds.
    pub async fn probe(
        &self,
        request: &Request,
        work: &Workspace,
        cancel: &CancellationToken,
    ) -> Result<Report, Stop> {
        let steps = OnThisMachine {
            pipeline: self,
            request,
            work,
            cancel,
        };
        let arrived = steps.receive(work.need_room(0)?).await?;
        reach("probed").await;
        Ok(steps.found(&arrived.facts, &arrived.probe).await?)
    }
}

/// What was learnt of the source.
pub(crate) struct Source {
    facts: ObjectFacts,
    probe: Probe,
    /// Bytes that were free before it was fetched.
    room: u64,
    /// What is to be run.
    plan: Plan,
    /// What was read beside it.
    beside: Beside,
    /// Where it comes from while it is encoded, if it is no file.
    stream: Option<Stream>,
    /// How like it the outputs are, in the plan's order.
    scores: Mutex<Vec<f64>>,
}

/// One attempt on this machine.
pub(crate) struct OnThisMachine<'a, M> {
    pub(crate) pipeline: &'a Pipeline<M>,
    pub(crate) request: &'a Request,
    pub(crate) work: &'a Workspace,
    pub(crate) cancel: &'a CancellationToken,
}

impl<M: MediaStorage> Steps for OnThisMachine<'_, M> {
    type Source = Source;

    async fn prepare(&self) -> Result<(Source, Report), Stop> {
        let source = self.plan().await?;
        let report = self.report(&source).await?;
        Ok((source, report))
    }

    async fn encode(
        &self,
        source: &Source,
        observer: &mut impl Observer,
    ) -> Result<Vec<Warning>, Stop> {
        let begun = Instant::now();
        let stream = source.stream.as_ref();
        let encoded = self.encode_passes(source, stream, begun, observer).await;
        let damage = match encoded {
            Err(failed) if stream.is_some() && may_need_a_file(&failed) => {
                let products = &source.plan.products;
                self.download_instead(source.room, products).await?;
                self.encode_passes(source, None, begun, observer).await?
            }
            encoded => encoded?,
        };
        let scores = self
            .compare(
                (&source.plan.scores, source.plan.passes.len() + 1),
                begun,
                observer,
            )
            .await?;
        *source.scores.lock().expect("no holder panics") = scores;
        Ok(damage.into_iter().collect())
    }

    async fn look(&self, source: &Source) -> Result<Vec<Made>, Stop> {
        let Some(destination) = &self.request.destination else {
            return Ok(Vec::new());
        };
        let look = Look {
            tools: &self.pipeline.tools,
            request: self.request,
            destination,
            work: self.work,
            cancel: self.cancel,
            captions: &source.beside.captions,
        };
        let mut made = look.at_all(&source.plan.products).await?;
        let scores = source.scores.lock().expect("no holder panics");
        scores::note(&mut made, &source.plan.scores, &scores);
        Ok(made)
    }
}

impl<M: MediaStorage> OnThisMachine<'_, M> {
    async fn plan(&self) -> Result<Source, Stop> {
        let room = self.work.need_room(0)?;
        let Arrived {
            facts,
            demuxer,
            probe,
            stream,
        } = self.receive(room).await?;
        reach("probed").await;
        self.pipeline.limits.check_source(&probe)?;
        self.can_compare().await?;
        let beside = self.read_beside().await?;
        let demuxers = Demuxers {
            source: demuxer,
            watermark: beside.watermark,
        };
        let plan = plan(
            &self.request.spec,
            &probe,
            demuxers,
            &self.pipeline.options,
            &self.request.parts,
        )?;
        Ok(Source {
            facts,
            probe,
            room,
            plan,
            beside,
            stream,
            scores: Mutex::default(),
        })
    }

    async fn report(&self, source: &Source) -> Result<Report, JobError> {
        let resolved = source.plan.passes.iter().map(|pass| {
            let program = std::iter::once("ffmpeg".to_owned());
            program.chain(pass.args.iter().cloned()).collect()
        });
        Ok(Report {
            resolved: resolved.collect(),
            warnings: source.plan.warnings.clone(),
            ..self.found(&source.facts, &source.probe).await?
        })
    }

    /// What the source is, before anything is planned.
    async fn found(&self, facts: &ObjectFacts, probe: &Probe) -> Result<Report, JobError> {
        let tools = &self.pipeline.tools;
        let version = tools.version(self.work.folder()).await?;
        let streams = probe.streams.iter().take(MOST_STREAMS);
        Ok(Report {
            ffmpeg_version: Some(version.to_owned()),
            source_bytes: facts.bytes,
            source_etag: facts.etag.clone(),
            source_seconds: probe.duration.map(|duration| duration.as_secs_f64()),
            source_format: probe.format.clone(),
            source_bitrate: probe.bitrate.or_else(|| average(facts, probe)),
            source_streams: streams.cloned().collect(),
            ..Report::default()
        })
    }
}

/// Bits a second of all its bytes: through a pipe `ffprobe` does not know how many there are.
fn average(facts: &ObjectFacts, probe: &Probe) -> Option<u64> {
    let bits = u128::from(facts.bytes?) * 8_000;
    let bitrate = bits.checked_div(probe.duration?.as_millis())?;
    u64::try_from(bitrate).ok()
}
