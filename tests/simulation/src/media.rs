//! Destinations and the work on media: everything takes its time, and nothing is read or written. The order of the steps is that
//! of the encoder itself.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, MutexGuard},
    time::Duration,
};

use nommer_core::{
    error::{Code, JobError, Warning},
    job::{Output, Report},
    ports::{MediaError, MediaStorage, ObjectAttributes, ObjectFacts, StoreError, Upload},
    progress::Progress,
    uri::MediaUri,
};
use nommer_encoder::{
    attempt::{Made, MadeFile, Observer, Steps, Stop, attempt},
    clock::Clock as _,
    pipeline::Request,
    runner::Runner,
};
use tokio_util::sync::CancellationToken;

use crate::{
    mutants::Mutant,
    oracle,
    process::{Process, ProcessClock},
};

/// What is at the destinations, and what is staged beside them.
#[derive(Debug, Default)]
pub struct Objects {
    visible: BTreeMap<String, Object>,
    written: u64,
    /// Staged outputs of which nobody has disposed, by the process that staged them.
    pub staged: BTreeMap<u64, String>,
}

/// One visible object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The attempt that wrote it: the job's id and the epoch.
    pub by: String,
    etag: u64,
}

impl Objects {
    /// What is visible there.
    pub fn at(&self, place: &str) -> Option<&Object> {
        self.visible.get(place)
    }

    /// Makes an object visible.
    pub fn write(&mut self, place: String, by: String) -> u64 {
        self.written += 1;
        let etag = self.written;
        self.visible.insert(place, Object { by, etag });
        etag
    }
}

/// What is to become of an attempt; written into the name of the source.
fn fate(uri: &MediaUri) -> &'static str {
    let text = uri.redacted();
    ["missing", "flaky", "poison"]
        .into_iter()
        .find(|fate| text.contains(fate))
        .unwrap_or("good")
}

/// An output that was staged.
#[derive(Debug)]
pub struct Staged {
    place: String,
    number: u64,
}

/// The storage as one attempt sees it.
#[derive(Debug)]
struct SimStorage {
    process: Arc<Process>,
    /// The job's id and the epoch.
    name: String,
}

#[expect(clippy::needless_pass_by_value, reason = "a mapping of errors")]
fn unavailable(error: StoreError) -> MediaError {
    MediaError::Unavailable {
        what: "storage".to_owned(),
        detail: error.to_string(),
    }
}

fn facts(object: &Object) -> ObjectFacts {
    ObjectFacts {
        bytes: None,
        etag: Some(object.etag.to_string()),
    }
}

impl SimStorage {
    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.process.world.objects.lock().expect("no holder panics")
    }

    fn publish(&self, place: &str) -> u64 {
        oracle::visible(&self.process.world, &self.name);
        self.process
            .world
            .log(|| format!("{} is visible at {place}", self.name));
        self.objects().write(place.to_owned(), self.name.clone())
    }
}

impl MediaStorage for SimStorage {
    type Staged = Staged;

    async fn stat(&self, uri: &MediaUri) -> Result<Option<ObjectFacts>, MediaError> {
        self.process.enter("stat").await.map_err(unavailable)?;
        let found = self.objects().at(&uri.identity()).map(facts);
        self.process.leave("stat").await.map_err(unavailable)?;
        Ok(found)
    }

    async fn fetch(
        &self,
        _uri: &MediaUri,
        _etag: Option<&str>,
        _most: u64,
        _to: &Path,
    ) -> Result<ObjectFacts, MediaError> {
        unreachable!("the steps of the simulation fetch nothing")
    }

    async fn stage(&self, uri: &MediaUri, _upload: Upload<'_>) -> Result<Staged, MediaError> {
        self.process.enter("stage").await.map_err(unavailable)?;
        let place = uri.identity();
        let number = {
            let mut objects = self.objects();
            let number = objects.written;
            objects.written += 1;
            objects.staged.insert(number, self.process.name.clone());
            number
        };
        if self.process.world.has(Mutant::StagedVisible) {
            self.publish(&place);
        }
        if let Err(lost) = self.process.leave("stage").await {
            // The upload was begun, and whoever began it takes it back.
            self.objects().staged.remove(&number);
            return Err(unavailable(lost));
        }
        Ok(Staged { place, number })
    }

    async fn commit(
        &self,
        staged: Staged,
        before: Option<&ObjectFacts>,
    ) -> Result<Option<String>, MediaError> {
        let entered = self.process.enter("commit").await.map_err(unavailable);
        self.objects().staged.remove(&staged.number);
        entered?;
        let found = self.objects().at(&staged.place).map(facts);
        let world = &self.process.world;
        if found.as_ref() != before && !world.has(Mutant::PublishUnconditional) {
            world.log(|| format!("{} finds its destination changed", self.name));
            return Err(MediaError::Changed(staged.place));
        }
        let etag = if world.has(Mutant::FinishUnpublished) {
            0
        } else {
            self.publish(&staged.place)
        };
        self.process.leave("commit").await.map_err(unavailable)?;
        Ok(Some(etag.to_string()))
    }

    async fn discard(&self, staged: Staged) {
        self.objects().staged.remove(&staged.number);
    }
}

/// The work on media, as one attempt does it.
#[derive(Debug)]
struct SimSteps<'a> {
    clock: ProcessClock,
    name: &'a str,
    fate: &'static str,
    cancel: &'a CancellationToken,
    destination: &'a MediaUri,
}

impl SimSteps<'_> {
    /// Works for so long, unless it is canceled.
    async fn work(&self, seconds: u64) -> Result<(), Stop> {
        let working = self.clock.sleep(Duration::from_secs(seconds));
        let done = self.cancel.run_until_cancelled(working).await;
        done.ok_or_else(|| JobError::new(Code::Interrupted, "the attempt was stopped").into())
    }
}

impl Steps for SimSteps<'_> {
    type Source = ();

    async fn prepare(&self) -> Result<((), Report), Stop> {
        let world = &self.clock.0.world;
        self.work(world.between(1, 20)).await?;
        match self.fate {
            "missing" => Err(JobError::new(Code::SourceNotFound, "there is nothing").into()),
            "flaky" if world.chance(0.5) => {
                Err(JobError::new(Code::Unavailable, "try again").into())
            }
            _ => Ok(((), Report::default())),
        }
    }

    async fn encode(
        &self,
        _source: &(),
        observer: &mut impl Observer,
    ) -> Result<Vec<Warning>, Stop> {
        let world = &self.clock.0.world;
        oracle::encodes(world, self.name);
        for part in 0..world.between(1, 4) {
            self.work(world.between(5, 60)).await?;
            if self.fate == "poison" {
                self.clock.0.kill();
                self.clock.0.gate().await;
            }
            observer.progress(Progress {
                pass: 1,
                passes: 1,
                percent: f64::from(u32::try_from(part).unwrap_or(0)),
                fps: None,
                speed: None,
                eta_seconds: None,
            });
        }
        Ok(Vec::new())
    }

    async fn look(&self, _source: &()) -> Result<Vec<Made>, Stop> {
        self.work(1).await?;
        Ok(vec![Made {
            output: Output {
                url: self.destination.redacted(),
                bytes: 1,
                ..Output::default()
            },
            parts: Vec::new(),
            files: vec![MadeFile {
                destination: self.destination.clone(),
                file: PathBuf::new(),
                segments: Vec::new(),
                attributes: ObjectAttributes::NONE,
            }],
        }])
    }
}

/// Runs attempts for the encoder of one process.
#[derive(Debug)]
pub struct SimRunner(pub Arc<Process>);

impl Runner for SimRunner {
    async fn run(
        &self,
        name: &str,
        request: &Request,
        cancel: &CancellationToken,
        observer: &mut impl Observer,
    ) -> Result<Vec<Output>, Stop> {
        let storage = SimStorage {
            process: Arc::clone(&self.0),
            name: name.to_owned(),
        };
        // Nothing is probed here.
        let destination = request.destination.as_ref().ok_or(Stop::Refused)?;
        let steps = SimSteps {
            clock: ProcessClock(Arc::clone(&self.0)),
            name,
            fate: fate(&request.source),
            cancel,
            destination,
        };
        let destinations = std::slice::from_ref(destination);
        attempt(&storage, &steps, destinations, cancel, observer).await
    }
}
