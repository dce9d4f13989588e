//! Uploads to a running system, whole and in parts.
//!
//! The bytes go where the system says, by addresses that are proof enough: nothing else of ours goes there.

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use nommer_core::api::{CompletedUpload, UploadView};
use reqwest::{Body, RequestBuilder, Response, StatusCode, header::ETAG};
use serde_json::{Value, json};

use super::{Client, UNREACHABLE_PAUSE};
use crate::failure::Failure;

/// How often a system is asked to put parts together. S3 may take minutes for that, and the system answers before, that it is to be asked
/// again.
const COMPLETIONS: u32 = 60;

/// What one part may take besides the time for its bytes.
const PART_TIME: Duration = Duration::from_mins(2);

/// Bytes of a part in a second, at least: slower ones are sent again.
const SLOWEST: u64 = 32 * 1_024;

/// Why a part did not arrive.
#[derive(Debug)]
pub(crate) enum PartFault {
    /// The address does not hold any more, or never did.
    Denied(Failure),
    /// Another try may go better.
    Passing(Failure),
    /// None will.
    Final(Failure),
}

impl Client {
    /// Announces an upload.
    pub(crate) async fn announce(&self, body: &Value) -> Result<UploadView, Failure> {
        self.json(self.http.post(self.url("/v1/uploads")).json(body))
            .await
    }

    /// Sends the bytes of an upload that takes one request.
    pub(crate) async fn send_upload(
        &self,
        upload: &UploadView,
        url: &str,
        body: Body,
    ) -> Result<(), Failure> {
        let mut request = self.http.put(url).body(body);
        for (name, value) in &upload.headers {
            request = request.header(name, value);
        }
        let response = sent(request).await?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(told(response).await)
    }

    /// Sends one part, and gives the tag that S3 gave it.
    pub(crate) async fn send_part(
        &self,
        url: &str,
        bytes: u64,
        body: Body,
    ) -> Result<String, PartFault> {
        let time = PART_TIME + Duration::from_secs(bytes / SLOWEST);
        let request = self.http.put(url).timeout(time);
        let request = request.header("content-length", bytes).body(body);
        let response = sent(request).await.map_err(PartFault::Passing)?;
        let status = response.status();
        if status.is_success() {
            let etag = response.headers().get(ETAG);
            let etag = etag.and_then(|text| Some(text.to_str().ok()?.to_owned()));
            let none = || PartFault::Final(anyhow!("a part was taken without an ETag").into());
            return etag.ok_or_else(none);
        }
        let failure = told(response).await;
        let says = |code: &str| status.is_client_error() && failure.to_string().contains(code);
        // Of the address, and of the credentials that signed it; the latter with 400.
        // <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
        let denied = status == StatusCode::FORBIDDEN || says("ExpiredToken");
        // S3 says so of a connection on which nothing came for a while, with 400 too.
        let passing = passes(status) || says("RequestTimeout");
        Err(if denied {
            PartFault::Denied(failure)
        } else if passing {
            PartFault::Passing(failure)
        } else {
            PartFault::Final(failure)
        })
    }

    /// New addresses for the parts of an upload.
    pub(crate) async fn new_addresses(&self, upload: &UploadView) -> Result<UploadView, Failure> {
        let path = named(upload.parts_path.as_deref())?;
        self.json(self.http.get(self.url(path))).await
    }

    /// Has the parts of an upload put together; `etags` are those of all parts, in order.
    pub(crate) async fn complete_upload(
        &self,
        upload: &UploadView,
        etags: &[String],
    ) -> Result<CompletedUpload, Failure> {
        let path = named(upload.complete_path.as_deref())?;
        let numbered = (1..).zip(etags);
        let parts: Vec<Value> = numbered
            .map(|(number, etag): (u32, _)| json!({"number": number, "etag": etag}))
            .collect();
        let request = || {
            let request = self.http.post(self.url(path));
            request.json(&json!({"parts": parts}))
        };
        for _ in 1..COMPLETIONS {
            match self.exchange(request()).await? {
                Ok(response) if passes(response.status()) => {}
                Ok(response) if response.status().is_success() => {
                    let done = response.json().await;
                    return Ok(done.context("read the answer of the API")?);
                }
                Ok(response) => return Err(self.refused(response).await?.into()),
                Err(_unreachable) => {}
            }
            tokio::time::sleep(UNREACHABLE_PAUSE).await;
        }
        self.json(request()).await
    }
}

fn passes(status: StatusCode) -> bool {
    let now = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    now.contains(&status) || status.is_server_error()
}

/// A path of an upload in parts, which a system names with the parts.
fn named(path: Option<&str>) -> Result<&str, Failure> {
    path.ok_or_else(|| anyhow!("the system named no path for the parts of this upload").into())
}

async fn sent(request: RequestBuilder) -> Result<Response, Failure> {
    // The address holds a signature.
    let sent = request.send().await.map_err(reqwest::Error::without_url);
    Ok(sent.context("send the upload")?)
}

/// What an answer says that is not good.
async fn told(response: Response) -> Failure {
    let status = response.status();
    let told = response.text().await.unwrap_or_default();
    let told: String = told.chars().take(500).collect();
    anyhow!("the upload was answered with {status}: {told}").into()
}
