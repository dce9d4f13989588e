//! A file in parts: a few at a time, each sent again where that may help, and put together when all have arrived.
//!
//! Nothing is kept between two runs of the command: whoever ends it begins anew, and the store removes what arrived.

use std::{
    io::SeekFrom,
    ops::Range,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::ProgressBar;
use nommer_core::api::UploadView;
use reqwest::Body;
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncSeekExt as _},
    sync::Mutex,
};
use tokio_util::io::ReaderStream;

use super::CHUNK;
use crate::{
    client::{Client, PartFault},
    failure::Failure,
};

/// Parts at a time. More would share the same line.
const AT_ONCE: usize = 4;

/// Tries of one part, the first included.
const TRIES: u32 = 6;

/// Pause before the second try; each one after is twice as long.
const PAUSE: Duration = Duration::from_secs(1);

/// Sends all parts of a file, and has them put together.
pub(super) async fn send(
    file: &Path,
    upload: UploadView,
    client: &Client,
    bar: &ProgressBar,
) -> Result<(), Failure> {
    let parts = upload.parts.iter().flatten();
    let lengths: Vec<(u32, u64)> = parts.map(|part| (part.number, part.bytes)).collect();
    let sender = Sender {
        file,
        client,
        bar,
        upload: Mutex::new(upload),
    };
    let (mut sending, mut at) = (Vec::new(), 0);
    for (number, bytes) in lengths {
        sending.push(sender.part(number, at..at + bytes));
        at += bytes;
    }
    let sent = stream::iter(sending).buffer_unordered(AT_ONCE);
    let mut arrived: Vec<(u32, String)> = sent.try_collect().await?;
    arrived.sort_unstable();
    let etags: Vec<String> = arrived.into_iter().map(|(_, etag)| etag).collect();
    let upload = sender.upload.into_inner();
    client.complete_upload(&upload, &etags).await?;
    Ok(())
}

/// Sends the parts of one file.
struct Sender<'a> {
    file: &'a Path,
    client: &'a Client,
    bar: &'a ProgressBar,
    /// With the newest addresses.
    upload: Mutex<UploadView>,
}

impl Sender<'_> {
    /// Sends a part until it arrives, or was tried often enough. Gives its number and its tag.
    async fn part(&self, number: u32, range: Range<u64>) -> Result<(u32, String), Failure> {
        let bytes = range.end - range.start;
        let (mut url, mut pause) = (self.address(number).await?, PAUSE);
        let mut tries = 0;
        loop {
            let counted = Arc::new(AtomicU64::new(0));
            let body = self.body(&range, &counted).await?;
            let fault = match self.client.send_part(&url, bytes, body).await {
                Ok(etag) => return Ok((number, etag)),
                Err(fault) => fault,
            };
            self.bar.dec(counted.load(Ordering::Relaxed));
            let (failure, denied) = match fault {
                PartFault::Final(failure) => return Err(failure),
                PartFault::Passing(failure) => (failure, false),
                PartFault::Denied(failure) => (failure, true),
            };
            tries += 1;
            if tries == TRIES {
                return Err(failure);
            }
            if denied {
                url = self.renewed(number, &url).await?;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    async fn address(&self, number: u32) -> Result<String, Failure> {
        address(&*self.upload.lock().await, number)
    }

    /// Another address for a part than one that was denied: addresses end with their time, or with the credentials that signed them. All
    /// parts get new ones by one request.
    async fn renewed(&self, number: u32, denied: &str) -> Result<String, Failure> {
        let mut upload = self.upload.lock().await;
        let known = address(&upload, number)?;
        if known != denied {
            return Ok(known);
        }
        *upload = self.client.new_addresses(&upload).await?;
        address(&upload, number)
    }

    /// The bytes of a part, counted as they are read.
    async fn body(&self, range: &Range<u64>, counted: &Arc<AtomicU64>) -> Result<Body, Failure> {
        let read = || format!("read {}", self.file.display());
        let mut opened = File::open(self.file).await.with_context(read)?;
        let found = opened.seek(SeekFrom::Start(range.start)).await;
        found.with_context(read)?;
        let part = opened.take(range.end - range.start);
        let (bar, counted) = (self.bar.clone(), Arc::clone(counted));
        let chunks = ReaderStream::with_capacity(part, CHUNK).inspect(move |chunk| {
            if let Ok(read) = chunk {
                bar.inc(read.len() as u64);
                counted.fetch_add(read.len() as u64, Ordering::Relaxed);
            }
        });
        Ok(Body::wrap_stream(chunks))
    }
}

fn address(upload: &UploadView, number: u32) -> Result<String, Failure> {
    let parts = upload.parts.iter().flatten();
    let found = parts.into_iter().find(|part| part.number == number);
    let found = found.map(|part| part.url.clone());
    found.ok_or_else(|| anyhow!("the system gave part {number} no address").into())
}
