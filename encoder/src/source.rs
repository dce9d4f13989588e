//! How a source comes to FFmpeg: while it is encoded where that can be, and otherwise as a file that is fetched before.

use std::{fs, path::Path};

use nommer_core::{
    error::{Code, JobError},
    plan::{Product, SOURCE_FILE},
    ports::{MediaError, MediaStorage, ObjectFacts},
    probe::{Probe, StreamKind},
    sniff::sniff,
    uri::Scheme,
};
use tokio_util::sync::CancellationToken;

use crate::{
    attempt::{Stop, unless_canceled},
    intake,
    pipeline::OnThisMachine,
    point::reach,
    steps,
    stream::{self, Beginning, Stream},
    workspace::{fits, largest_source},
};

/// The file that grows to be a source which is encoded meanwhile.
const SPOOL_FILE: &str = "source.spool";

/// What arrived.
pub(crate) struct Arrived {
    pub(crate) facts: ObjectFacts,
    pub(crate) demuxer: &'static str,
    pub(crate) probe: Probe,
    /// Where the rest comes from, of a source that did not arrive as a file.
    pub(crate) stream: Option<Stream>,
}

impl<M: MediaStorage> OnThisMachine<'_, M> {
    /// Brings the source within reach of FFmpeg and looks at it. So many bytes are free.
    pub(crate) async fn receive(&self, room: u64) -> Result<Arrived, Stop> {
        if self.request.spec.reads_once()
            && let Some(arrived) = self.begin(room).await?
        {
            return Ok(arrived);
        }
        let facts = self.download(room).await?;
        self.look_at(facts).await
    }

    /// Copies the source into the work folder.
    pub(crate) async fn download(&self, room: u64) -> Result<ObjectFacts, Stop> {
        let pinned = self.request.source_etag.as_deref();
        self.fetch(room, SOURCE_FILE, pinned).await
    }

    /// Copies the source, of that version if one is given.
    async fn fetch(
        &self,
        room: u64,
        name: &str,
        pinned: Option<&str>,
    ) -> Result<ObjectFacts, Stop> {
        let file = self.work.file(name);
        let most = self.pipeline.limits.source_bytes.min(largest_source(room));
        let fits = |bytes| self.fits(room, bytes);
        let fetching = async {
            let (storage, uri) = (&self.pipeline.storage, &self.request.source);
            let fetched = storage.fetch(uri, pinned, most, &file).await;
            fetched.map_err(|error| intake::refused(&error, fits))
        };
        // What the server said, if it said anything, need not be true.
        let fetching = unless_canceled(self.cancel, intake::bounded(fetching, &file, fits));
        Ok(fetching.await??)
    }

    fn fits(&self, room: u64, bytes: u64) -> Result<(), JobError> {
        let limits = &self.pipeline.limits;
        limits
            .check_source_bytes(bytes)
            .and_then(|()| fits(room, bytes))
    }

    async fn look_at(&self, facts: ObjectFacts) -> Result<Arrived, Stop> {
        reach("fetched").await;
        let demuxer = steps::sniff(&self.work.file(SOURCE_FILE))?;
        let probe = self.probe(demuxer, self.cancel).await?;
        Ok(Arrived {
            facts,
            demuxer,
            probe,
            stream: None,
        })
    }

    async fn probe(&self, demuxer: &str, cancel: &CancellationToken) -> Result<Probe, JobError> {
        steps::probe(
            &self.pipeline.tools,
            self.work,
            SOURCE_FILE,
            demuxer,
            cancel,
        )
        .await
    }

    /// Reads no more of the source than is needed to look at it. None if it has to be fetched; what failed on the way, the fetch tells.
    async fn begin(&self, room: u64) -> Result<Option<Arrived>, Stop> {
        let (storage, uri) = (&self.pipeline.storage, &self.request.source);
        let pinned = self.request.source_etag.as_deref();
        let begun = unless_canceled(self.cancel, stream::beginning(storage, uri, pinned));
        let head = match begun.await? {
            Ok(Some(Beginning::Whole(all))) => {
                self.fits(room, all.bytes.len() as u64)?;
                let file = self.work.file(SOURCE_FILE);
                let written = tokio::fs::write(file, &all.bytes).await;
                written.map_err(|error| unusable("write the source", &error))?;
                return self.look_at(all.facts).await.map(Some);
            }
            Ok(Some(Beginning::Part(head))) => head,
            Ok(None) | Err(MediaError::Unusable(_)) => return Ok(None),
            // Some web servers cut off what they are not used to.
            Err(MediaError::Unavailable { .. }) if uri.scheme() == Scheme::Http => return Ok(None),
            Err(error) => return Err(intake::refused(&error, |_| Ok(())).into()),
        };
        let bytes = head.facts.bytes.unwrap_or(0);
        self.pipeline.limits.check_source_bytes(bytes)?;
        // A web server's may be a file in the end.
        if uri.scheme() == Scheme::Http {
            self.fits(room, bytes)?;
        }
        let Some(demuxer) = sniff(&head.bytes).filter(|demuxer| *demuxer == "mov") else {
            return Ok(None);
        };
        let laid_out = unless_canceled(self.cancel, Stream::of(storage, uri, head));
        let Ok(Some(stream)) = laid_out.await? else {
            return Ok(None);
        };
        self.look_through(stream, demuxer).await
    }

    /// Probes through the pipe. Streams other than pictures and sound are found by seeking, so they need the file.
    async fn look_through(
        &self,
        stream: Stream,
        demuxer: &'static str,
    ) -> Result<Option<Arrived>, Stop> {
        let pipe = self.work.file(SOURCE_FILE);
        let (storage, uri) = (&self.pipeline.storage, &self.request.source);
        let stop = self.cancel.child_token();
        let made = stream::make_pipe(&pipe);
        made.map_err(|error| intake::refused(&error, |_| Ok(())))?;
        reach("fetched").await;
        let probed = stream::beside(
            self.probe(demuxer, &stop),
            stream.pour(storage, uri, &pipe),
            &stop,
        );
        let plain = |probe: &Probe| {
            let kinds = [StreamKind::Video, StreamKind::Audio, StreamKind::Cover];
            probe.duration.is_some()
                && !probe.streams.is_empty()
                && probe.streams.iter().all(|one| kinds.contains(&one.kind))
        };
        match unless_canceled(self.cancel, probed).await? {
            Ok(Ok(probe)) if plain(&probe) => Ok(Some(Arrived {
                facts: stream.facts.clone(),
                demuxer,
                probe,
                stream: Some(stream),
            })),
            _ => {
                remove(&pipe)?;
                Ok(None)
            }
        }
    }

    /// Waits for FFmpeg while the rest of the source comes to it. Storage that is ours to read for as long as it takes is read at
    /// FFmpeg's pace; a web server's addresses may expire, so what it has is taken at once, into a file.
    pub(crate) async fn streaming<T>(
        &self,
        stream: &Stream,
        room: u64,
        program: impl Future<Output = T>,
        stop: &CancellationToken,
    ) -> Result<T, Stop> {
        let pipe = self.work.file(SOURCE_FILE);
        let (storage, uri) = (&self.pipeline.storage, &self.request.source);
        let mut failed = None;
        let filling = async {
            if uri.scheme() != Scheme::Http {
                return stream.pour(storage, uri, &pipe).await;
            }
            let file = self.work.file(SPOOL_FILE);
            let pinned = stream.facts.etag.as_deref();
            let fetching = self.fetch(room, SPOOL_FILE, pinned);
            let pouring = stream.pour_file(&file, &pipe);
            fetched_beside(fetching, pouring).await.map_err(|stop| {
                failed = Some(stop);
                MediaError::Unusable(String::new())
            })
        };
        let done = stream::beside(program, filling, stop).await;
        done.map_err(|error| {
            failed.unwrap_or_else(|| Stop::Failed(intake::refused(&error, |_| Ok(()))))
        })
    }

    /// Makes room for a second run over a file, after one that failed on what was streamed.
    pub(crate) async fn download_instead(
        &self,
        room: u64,
        products: &[Product],
    ) -> Result<(), Stop> {
        let pipe = self.work.file(SOURCE_FILE);
        remove(&pipe)?;
        remove(&self.work.file(SPOOL_FILE))?;
        for product in products.iter().filter(|product| !product.file.is_empty()) {
            remove(&self.work.file(&product.file))?;
        }
        self.download(room).await.map(|_facts| ())
    }
}

/// Whether a run may have failed because its source could not be read in any order.
pub(crate) fn may_need_a_file(failed: &Stop) -> bool {
    let codes = [Code::EncoderFailed, Code::SourceUnreadable];
    matches!(failed, Stop::Failed(error) if codes.contains(&error.code))
}

/// Waits for both, or for the first that fails. When the reader of the pipe has enough, the rest of the file is not needed.
async fn fetched_beside(
    fetching: impl Future<Output = Result<ObjectFacts, Stop>>,
    pouring: impl Future<Output = Result<(), MediaError>>,
) -> Result<(), Stop> {
    let pouring = async {
        let poured = pouring.await;
        poured.map_err(|error| Stop::Failed(intake::refused(&error, |_| Ok(()))))
    };
    tokio::pin!(fetching, pouring);
    tokio::select! {
        fetched = &mut fetching => {
            fetched?;
            pouring.await
        }
        poured = &mut pouring => poured,
    }
}

fn remove(path: &Path) -> Result<(), JobError> {
    let removed = match fs::symlink_metadata(path) {
        Err(_missing) => Ok(()),
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
    };
    removed.map_err(|error| unusable("clear the work folder", &error))
}

fn unusable(what: &str, error: &std::io::Error) -> JobError {
    JobError::new(Code::Unavailable, format!("{what}: {error}"))
}
