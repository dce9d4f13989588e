//! The three requests to S3 that an upload in parts takes besides its parts: one opens it, one puts it together, one looks whether it is there.
//!
//! They go out by signed addresses as the parts do, because S3's own client would not fit into submit's package. So tries and time limits
//! are set here. No bytes of an upload are sent.

use std::{
    fmt::Write as _,
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector as _, SharedHttpConnector},
        orchestrator::HttpRequest,
    },
    http::Headers,
};
use aws_smithy_types::{
    body::SdkBody, byte_stream::ByteStream, error::display::DisplayErrorContext,
};
use nommer_core::{
    ports::StoreError,
    upload::{Announced, Completion},
};

use super::address::Signer;
use crate::{connections, fault::unreadable};

/// Tries of one request, the first included.
const TRIES: u32 = 3;

/// Pause before the second try; twice as long before the third.
const PAUSE: Duration = Duration::from_millis(200);

/// Longest that opening or looking takes, all tries together.
const SHORT: Duration = Duration::from_secs(5);

/// Longest that putting together takes. S3 may need minutes, and goes on when nobody waits; submit has 20 seconds to answer, and this leaves
/// it time to look. Who asks again is told what came of it.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>
const JOINING: Duration = Duration::from_secs(13);

/// The connection to S3, made by the first request.
#[derive(Clone, Debug, Default)]
pub(super) struct Calls {
    connector: Arc<OnceLock<SharedHttpConnector>>,
}

/// A request that is to be sent to a signed address.
struct Asked<'a> {
    method: &'static str,
    url: String,
    headers: &'a [(String, String)],
    body: String,
}

/// What S3 answered.
struct Answer {
    status: u16,
    headers: Headers,
    body: String,
}

impl Calls {
    /// Opens a multipart upload, and gives its name.
    pub(super) async fn open(
        &self,
        signer: &Signer<'_>,
        place: &str,
        announced: &Announced,
    ) -> Result<String, StoreError> {
        const WHAT: &str = "open an upload in parts";
        let headers = [("content-type".to_owned(), announced.content_type.clone())];
        let asked = Asked {
            method: "POST",
            url: signer.sign("POST", place, &[("uploads", "")], &headers)?,
            headers: &headers,
            body: String::new(),
        };
        let answer = self.send(WHAT, &asked, SHORT).await?;
        let handle = answer
            .text_of("UploadId")
            .filter(|_| answer.fault().is_none());
        handle
            .map(str::to_owned)
            .ok_or_else(|| answer.refused(WHAT))
    }

    /// Puts parts together, as far as S3 still knows of them.
    pub(super) async fn join(
        &self,
        signer: &Signer<'_>,
        place: &str,
        handle: &str,
        etags: &[String],
    ) -> Result<Completion, StoreError> {
        const WHAT: &str = "complete an upload in parts";
        let asked = Asked {
            method: "POST",
            url: signer.sign("POST", place, &[("uploadId", handle)], &[])?,
            headers: &[],
            body: list(etags),
        };
        let answer = self.send(WHAT, &asked, JOINING).await?;
        match answer.fault() {
            None => Ok(Completion::Done),
            Some("NoSuchUpload") => Ok(Completion::Unknown),
            Some("InvalidPart") => {
                let number = answer.text_of("PartNumber");
                let number = number.and_then(|text| text.parse().ok());
                Ok(Completion::OtherPart(number))
            }
            Some(_) => Err(answer.refused(WHAT)),
        }
    }

    /// How many bytes an object has, if it is there.
    pub(super) async fn length(
        &self,
        signer: &Signer<'_>,
        place: &str,
    ) -> Result<Option<u64>, StoreError> {
        const WHAT: &str = "look for an upload";
        let asked = Asked {
            method: "HEAD",
            url: signer.sign("HEAD", place, &[], &[])?,
            headers: &[],
            body: String::new(),
        };
        let answer = self.send(WHAT, &asked, SHORT).await?;
        match answer.status {
            200 => {
                let length = answer.headers.get("content-length");
                Ok(length.and_then(|text| text.parse().ok()))
            }
            // S3 hides from those who may not list a bucket what is not there.
            403 | 404 => Ok(None),
            _ => Err(answer.refused(WHAT)),
        }
    }

    /// Sends a request, again if S3 could not answer it or nothing came back.
    async fn send(
        &self,
        what: &str,
        asked: &Asked<'_>,
        limit: Duration,
    ) -> Result<Answer, StoreError> {
        let tries = async {
            let mut pause = PAUSE;
            for _ in 1..TRIES {
                match self.once(what, asked).await {
                    Ok(answer) if !answer.passes() => return Ok(answer),
                    Ok(answer) => tracing::debug!(status = answer.status, "S3 is asked again"),
                    Err(error) => tracing::debug!(error = ?error, "S3 is asked again"),
                }
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            self.once(what, asked).await
        };
        let answer = tokio::time::timeout(limit, tries).await;
        answer.unwrap_or_else(|_late| {
            let limit = limit.as_secs();
            Err(unreadable(
                what,
                format!("S3 did not answer within {limit} s"),
            ))
        })
    }

    async fn once(&self, what: &str, asked: &Asked<'_>) -> Result<Answer, StoreError> {
        let request = asked.request().map_err(|error| unreadable(what, error))?;
        let connector = self.connector.get_or_init(connections::ready);
        let answer = connector.call(request).await;
        let mut answer = answer.map_err(|error| unreadable(what, DisplayErrorContext(&error)))?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = ByteStream::new(answer.take_body()).collect().await;
        let body = body.map_err(|error| unreadable(what, error))?.into_bytes();
        Ok(Answer {
            status,
            headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

impl Asked<'_> {
    fn request(&self) -> Result<HttpRequest, aws_smithy_runtime_api::http::HttpError> {
        let length = self.body.len();
        let mut request = HttpRequest::new(SdkBody::from(self.body.as_str()));
        request.set_method(self.method)?;
        request.set_uri(self.url.as_str())?;
        let headers = request.headers_mut();
        for (name, value) in self.headers {
            headers.try_insert(name.clone(), value.clone())?;
        }
        if self.method == "POST" {
            headers.try_insert("content-length", length.to_string())?;
        }
        Ok(request)
    }
}

impl Answer {
    /// S3's code for what went wrong, if something did. It may begin with a good status and fail later.
    fn fault(&self) -> Option<&str> {
        let failed = !(200..300).contains(&self.status) || self.body.contains("<Error>");
        failed.then(|| self.text_of("Code").unwrap_or("no code"))
    }

    /// Whether the same request may be answered in another way.
    fn passes(&self) -> bool {
        self.status >= 500
            || self.status == 429
            || matches!(self.fault(), Some("InternalError" | "SlowDown"))
    }

    /// What the first element of this name holds, if that is text without entities.
    fn text_of(&self, name: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once("</")?;
        (!text.is_empty() && !text.contains(['<', '&'])).then_some(text)
    }

    fn refused(&self, what: &str) -> StoreError {
        let (status, code) = (self.status, self.fault().unwrap_or("no fault"));
        let words = self.text_of("Message").unwrap_or_default();
        unreadable(what, format!("S3 answered {status}, {code}: {words}"))
    }
}

/// The parts of an upload as S3 wants to be told of them. The tags were checked: nothing in them means anything in XML.
fn list(etags: &[String]) -> String {
    let mut xml = String::from(
        r#"<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">"#,
    );
    for (number, etag) in (1_u32..).zip(etags) {
        write!(
            xml,
            "<Part><PartNumber>{number}</PartNumber><ETag>\"{etag}\"</ETag></Part>"
        )
        .expect("text takes text");
    }
    xml + "</CompleteMultipartUpload>"
}
