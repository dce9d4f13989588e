//! Fetching sources over HTTP: with a limit on time and redirects, each hop vetted, and resumed where a connection broke.

mod answer;

use std::{
    ops::Range,
    path::Path,
    time::{Duration, Instant},
};

use nommer_core::{
    address::NetworkRules,
    ports::{MediaError, MediaStorage, ObjectFacts, Piece, Upload},
    uri::MediaUri,
};
use reqwest::{Client, Response, StatusCode, header};
use tokio::{
    fs::File,
    io::{AsyncWriteExt as _, BufWriter},
};

use crate::guard;
use answer::{check, facts, next_hop, sent_range, unavailable};

/// Most redirects that a source may make.
const REDIRECTS: u32 = 5;

/// How long a connection may stay silent.
const READ_LIMIT: Duration = Duration::from_secs(60);

/// How often a broken transfer is taken up again where it broke.
const RESUMES: u32 = 5;

/// The slowest that a source may come: less is a server that keeps an encoder busy, not one that serves media.
const SLOWEST: u64 = 1_024;

/// For how long it is watched before that is said, and again and again.
const WATCHED: Duration = Duration::from_secs(30);

/// Sources on web servers. Nothing can be written there.
#[derive(Clone, Debug)]
pub struct HttpSource {
    client: Client,
    rules: NetworkRules,
    watched: Duration,
}

impl HttpSource {
    /// A source that reaches what the rules allow.
    pub fn new(rules: NetworkRules) -> Result<Self, reqwest::Error> {
        let client = guard::client(&rules).read_timeout(READ_LIMIT).build()?;
        Ok(Self {
            client,
            rules,
            watched: WATCHED,
        })
    }

    /// The same, leaving servers that are too slow after this time.
    #[must_use]
    pub fn watching(self, watched: Duration) -> Self {
        Self { watched, ..self }
    }

    /// Asks for the object or, of this version, for a range as RFC 9110, 14.1.2, writes it; hop by hop.
    async fn get(
        &self,
        uri: &MediaUri,
        range: Option<&str>,
        etag: Option<&str>,
    ) -> Result<Response, MediaError> {
        let name = uri.redacted();
        let unusable = |why: String| MediaError::Unusable(format!("{name}: {why}"));
        let mut url = uri
            .expose_url()
            .ok_or_else(|| unusable("not an http address".to_owned()))?;
        for _ in 0..=REDIRECTS {
            guard::vet(&url, &self.rules).map_err(unusable)?;
            let mut request = self
                .client
                .get(url.clone())
                .header(header::ACCEPT_ENCODING, "identity");
            if let Some(range) = range {
                request = request.header(header::RANGE, range);
                if let Some(etag) = etag {
                    request = request.header(header::IF_RANGE, etag);
                }
            }
            let response = request
                .send()
                .await
                .map_err(|error| unavailable(&name, error))?;
            if !response.status().is_redirection() {
                return check(response, &name);
            }
            url = next_hop(&url, &response).map_err(unusable)?;
        }
        Err(unusable(format!("more than {REDIRECTS} redirects")))
    }

    /// Writes the body to the end of `file`. Gives how many bytes came before the connection ended or broke.
    async fn copy(
        &self,
        response: &mut Response,
        file: &mut BufWriter<File>,
        name: &str,
    ) -> Result<Copied, MediaError> {
        let mut bytes = 0;
        let (mut since, mut before) = (Instant::now(), 0);
        loop {
            if since.elapsed() >= self.watched {
                let least = self.watched.as_millis() * u128::from(SLOWEST);
                if u128::from(bytes - before) * 1_000 < least {
                    let broken = Some(too_slow(name));
                    return Ok(Copied { bytes, broken });
                }
                (since, before) = (Instant::now(), bytes);
            }
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    file.write_all(&chunk)
                        .await
                        .map_err(|error| disk(name, &error))?;
                    bytes += chunk.len() as u64;
                }
                Ok(None) => {
                    return Ok(Copied {
                        bytes,
                        broken: None,
                    });
                }
                Err(error) => {
                    let broken = Some(unavailable(name, error));
                    return Ok(Copied { bytes, broken });
                }
            }
        }
    }
}

fn too_slow(name: &str) -> MediaError {
    MediaError::Unavailable {
        what: format!("fetch {name}"),
        detail: format!("it came with less than {SLOWEST} bytes a second"),
    }
}

struct Copied {
    bytes: u64,
    broken: Option<MediaError>,
}

impl MediaStorage for HttpSource {
    type Staged = std::convert::Infallible;

    async fn stat(&self, uri: &MediaUri) -> Result<Option<ObjectFacts>, MediaError> {
        // Many servers answer HEAD wrongly and signed URLs are signed for GET; the body is not read.
        match self.get(uri, None, None).await {
            Ok(response) => Ok(Some(facts(&response))),
            Err(MediaError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn fetch(
        &self,
        uri: &MediaUri,
        etag: Option<&str>,
        most: u64,
        to: &Path,
    ) -> Result<ObjectFacts, MediaError> {
        let name = uri.redacted();
        let mut response = self.get(uri, None, None).await?;
        let facts = facts(&response);
        if etag.is_some() && facts.etag.as_deref() != etag {
            return Err(MediaError::Changed(name));
        }
        if let Some(bytes) = facts.bytes.filter(|&bytes| bytes > most) {
            return Err(MediaError::TooLarge { name, bytes });
        }
        let file = File::create_new(to)
            .await
            .map_err(|error| disk(&name, &error))?;
        let mut file = BufWriter::with_capacity(256 * 1_024, file);
        let (mut have, mut resumes) = (0, 0);
        loop {
            let copied = self.copy(&mut response, &mut file, &name).await?;
            have += copied.bytes;
            let Some(broken) = copied.broken else { break };
            // Only a version tag tells that the rest belongs to what is there already.
            if facts.etag.is_none() || resumes == RESUMES {
                return Err(broken);
            }
            resumes += 1;
            let rest = format!("bytes={have}-");
            response = self.get(uri, Some(&rest), facts.etag.as_deref()).await?;
            // Not every server keeps to If-Range.
            let same = self::facts(&response).etag == facts.etag;
            if !same || response.status() != StatusCode::PARTIAL_CONTENT {
                return Err(MediaError::Changed(name));
            }
        }
        file.flush().await.map_err(|error| disk(&name, &error))?;
        match facts.bytes {
            Some(bytes) if bytes != have => Err(MediaError::Unavailable {
                what: format!("fetch {name}"),
                detail: format!("{have} of {bytes} bytes arrived"),
            }),
            _ => Ok(ObjectFacts {
                bytes: Some(have),
                ..facts
            }),
        }
    }

    async fn read(
        &self,
        uri: &MediaUri,
        etag: Option<&str>,
        range: Range<u64>,
    ) -> Result<Option<Piece>, MediaError> {
        let name = uri.redacted();
        let wanted = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        let mut response = self.get(uri, Some(&wanted), etag).await?;
        let found = facts(&response);
        if etag.is_some() && found.etag.as_deref() != etag {
            return Err(MediaError::Changed(name));
        }
        let Some((from, total)) = sent_range(&response) else {
            return Ok(None);
        };
        if from != range.start || found.etag.is_none() {
            return Ok(None);
        }
        let most = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| unavailable(&name, error))?
        {
            let room = most - bytes.len();
            bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() >= room {
                break;
            }
        }
        let facts = ObjectFacts {
            bytes: Some(total),
            ..found
        };
        Ok(Some(Piece { facts, bytes }))
    }

    async fn stage(&self, uri: &MediaUri, _upload: Upload<'_>) -> Result<Self::Staged, MediaError> {
        Err(MediaError::Unusable(format!(
            "{}: nothing can be written to a web server",
            uri.redacted()
        )))
    }

    async fn commit(
        &self,
        staged: Self::Staged,
        _before: Option<&ObjectFacts>,
    ) -> Result<Option<String>, MediaError> {
        match staged {}
    }

    async fn discard(&self, staged: Self::Staged) {
        match staged {}
    }
}

fn disk(name: &str, error: &std::io::Error) -> MediaError {
    match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
            MediaError::NoSpace(name.to_owned())
        }
        _ => MediaError::Unavailable {
            what: format!("write what {name} sends"),
            detail: error.to_string(),
        },
    }
}
