//! Outputs in one bucket, deleted: by signed requests of our own, because S3's own client would be most of what submit's package holds.
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html>
//!
//! No object of another bucket is touched, and the credentials are the role's alone.

mod request;

use std::{fmt::Write as _, sync::Arc};

use aws_config::SdkConfig;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use nommer_core::{
    ports::{MediaError, ObjectFacts, Outputs},
    uri::MediaUri,
};
use sha2::{Digest as _, Sha256};

use super::fault::{S3Fault, element};
use request::{Ask, Bucket};

/// Most objects that one request deletes.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>
const AT_ONCE: usize = 1_000;

/// Such requests that are under way at a time. A day of segments is a hundred of them, and the caller waits.
const AT_A_TIME: usize = 4;

/// Deletes outputs in one bucket.
#[derive(Clone, Debug)]
pub struct S3Outputs {
    bucket: Arc<Bucket>,
}

impl S3Outputs {
    /// For the bucket with this name, with the credentials of this configuration. None if it names no region or no credentials.
    pub fn new(sdk: &SdkConfig, bucket: &str) -> Option<Self> {
        let bucket = Arc::new(Bucket::new(sdk, bucket)?);
        Some(Self { bucket })
    }

    /// The key of an object of the bucket.
    fn key<'a>(&self, uri: &'a MediaUri) -> Result<&'a str, MediaError> {
        let own = uri.s3().filter(|(bucket, _)| *bucket == self.bucket.name);
        match own {
            Some((_, key)) if !uri.has_secret() => Ok(key),
            _ => Err(MediaError::Forbidden(uri.redacted())),
        }
    }

    /// What is there.
    async fn head(&self, key: &str) -> Result<Option<ObjectFacts>, S3Fault> {
        let answer = self.bucket.send(&Ask::of("HEAD", key)).await?;
        match answer.status {
            200 => Ok(Some(ObjectFacts {
                bytes: None,
                etag: answer.etag,
            })),
            404 => Ok(None),
            _ => Err(answer.fault()),
        }
    }

    async fn delete(&self, key: &str, etag: Option<&str>) -> Result<(), S3Fault> {
        let mut ask = Ask::of("DELETE", key);
        if let Some(etag) = etag {
            ask.headers.push(("if-match", etag.to_owned()));
        }
        let answer = self.bucket.send(&ask).await?;
        if matches!(answer.status, 200 | 204 | 404) {
            return Ok(());
        }
        let fault = answer.fault();
        // What is not there has no version either.
        if fault.is_conflict() && self.head(key).await?.is_none() {
            return Ok(());
        }
        Err(fault)
    }

    /// Deletes many objects, whatever versions they are.
    async fn delete_many(&self, body: String) -> Result<(), S3Fault> {
        let sum = STANDARD.encode(Sha256::digest(&body));
        let ask = Ask {
            query: "delete",
            headers: vec![
                ("content-type", "application/xml".to_owned()),
                ("x-amz-checksum-sha256", sum),
                ("x-amz-sdk-checksum-algorithm", "SHA256".to_owned()),
            ],
            body: body.into_bytes(),
            ..Ask::of("POST", "")
        };
        let answer = self.bucket.send(&ask).await?;
        if answer.status != 200 {
            return Err(answer.fault());
        }
        // Asked to be quiet, S3 tells those alone that it did not delete.
        match element(&answer.body, "Error") {
            None => Ok(()),
            Some(told) if element(told, "Code") == Some("AccessDenied") => {
                Err(S3Fault::answered(403, told))
            }
            Some(told) => Err(S3Fault::answered(503, told)),
        }
    }
}

/// The objects that a request deletes.
fn listed(keys: &[String]) -> String {
    let mut xml = "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">".to_owned();
    for key in keys {
        let key = key
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('\r', "&#13;")
            .replace('\n', "&#10;");
        write!(xml, "<Object><Key>{key}</Key></Object>").expect("text takes text");
    }
    xml + "<Quiet>true</Quiet></Delete>"
}

impl Outputs for S3Outputs {
    async fn facts(&self, uri: &MediaUri) -> Result<Option<ObjectFacts>, MediaError> {
        let looked = self.head(self.key(uri)?).await;
        looked.map_err(|fault| fault.explain(&uri.redacted()))
    }

    async fn remove(&self, uri: &MediaUri, etag: Option<&str>) -> Result<(), MediaError> {
        let deleted = self.delete(self.key(uri)?, etag).await;
        deleted.map_err(|fault| fault.explain(&uri.redacted()))
    }

    async fn remove_below(&self, folder: &MediaUri, names: &[String]) -> Result<(), MediaError> {
        let root = self.key(folder)?;
        let keys: Vec<String> = names.iter().map(|name| format!("{root}{name}")).collect();
        // Owned, because futures that borrow what a stream lends cannot be sent between threads.
        let bodies: Vec<String> = keys.chunks(AT_ONCE).map(listed).collect();
        let deleting = stream::iter(bodies)
            .map(|body| self.delete_many(body))
            .buffer_unordered(AT_A_TIME)
            .try_collect::<Vec<()>>();
        let deleted = deleting.await;
        deleted
            .map(|_units| ())
            .map_err(|fault| fault.explain(&folder.redacted()))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use super::*;
    use crate::fake::{Answer, Asked, Fake, ROLE, ROLE_SECRET, TRIES, sdk};

    fn uri(text: &str) -> MediaUri {
        serde_json::from_value(text.into()).unwrap()
    }

    async fn outputs(
        answer: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
    ) -> (Fake, S3Outputs) {
        let fake = Fake::start(answer).await;
        let sdk = sdk(&fake.url, Duration::from_secs(5)).await;
        let outputs = S3Outputs::new(&sdk, "media").unwrap();
        (fake, outputs)
    }

    #[tokio::test]
    async fn a_file_is_looked_at_and_deleted_as_the_version_that_it_is() {
        let (fake, outputs) = outputs(|asked| {
            let found = Answer::new(200, "").with("etag", "\"e1\"");
            Some(match asked.line.split(' ').next() {
                Some("HEAD") => found,
                _ => Answer::new(204, ""),
            })
        })
        .await;
        let file = uri("s3://media/out/käfer 1+2.mp4");
        let facts = outputs.facts(&file).await.unwrap().unwrap();
        assert_eq!(facts.etag.as_deref(), Some("\"e1\""));
        outputs.remove(&file, Some("\"e1\"")).await.unwrap();
        let asked = fake.asked();
        assert!(asked[1].is("DELETE", "/media/out/k%C3%A4fer%201%2B2.mp4 "));
        assert_eq!(asked[1].header("if-match"), Some("\"e1\""));
        let signature = asked[1].header("authorization").unwrap();
        assert!(signature.contains(&format!("Credential={ROLE}/")));
        assert!(signature.contains("/eu-central-1/s3/aws4_request"));
        assert!(signature.contains("if-match"), "{signature}");
        assert!(!format!("{asked:?}").contains(ROLE_SECRET));
    }

    #[tokio::test]
    async fn what_is_gone_counts_as_deleted_and_what_is_another_version_stays() {
        for (status, there, deleted) in [(404, false, true), (412, false, true), (412, true, false)]
        {
            let (_fake, outputs) = outputs(move |asked| {
                Some(match (asked.is("HEAD", ""), there) {
                    (true, true) => Answer::new(200, "").with("etag", "\"e2\""),
                    (true, false) => Answer::new(404, ""),
                    _ => Answer::fault(status, "PreconditionFailed"),
                })
            })
            .await;
            let removed = outputs.remove(&uri("s3://media/a"), Some("\"e1\"")).await;
            match removed {
                Ok(()) => assert!(deleted, "{status} {there}"),
                Err(error) => {
                    assert!(matches!(error, MediaError::Changed(_)), "{error:?}");
                    assert!(!deleted, "{status} {there}");
                }
            }
        }
    }

    #[tokio::test]
    async fn another_bucket_is_beyond_reach_and_not_asked() {
        let (fake, outputs) = outputs(|_asked| Some(Answer::new(204, ""))).await;
        for text in ["s3://other/a", "file:///media/a", "s3://***@media/a"] {
            let refused = outputs.remove(&uri(text), None).await;
            assert!(
                matches!(refused, Err(MediaError::Forbidden(_))),
                "{text}: {refused:?}"
            );
        }
        assert!(fake.asked().is_empty());
    }

    #[tokio::test]
    async fn segments_are_deleted_a_thousand_at_a_time() {
        let (fake, outputs) = outputs(|_asked| Some(Answer::new(200, "<DeleteResult/>"))).await;
        let names: Vec<String> = (0..1_500)
            .map(|number| format!("j/{number}&.m4s"))
            .collect();
        let folder = uri("s3://media/film/");
        outputs.remove_below(&folder, &names).await.unwrap();
        let asked = fake.asked();
        let objects = |asked: &Asked| {
            let body = String::from_utf8(asked.body.clone()).unwrap();
            assert!(body.contains("<Key>film/j/") && body.contains("&amp;.m4s</Key>"));
            body.matches("<Object>").count()
        };
        let mut counts: Vec<usize> = asked.iter().map(objects).collect();
        counts.sort_unstable();
        assert_eq!(counts, [500, 1_000]);
        for one in &asked {
            assert!(one.is("POST", "/media/?delete"), "{}", one.line);
            assert!(one.header("x-amz-checksum-sha256").is_some());
        }
    }

    #[tokio::test]
    async fn what_s3_did_not_delete_of_many_is_told() {
        for (code, forbidden) in [("AccessDenied", true), ("InternalError", false)] {
            let told = format!(
                "<DeleteResult><Error><Key>a</Key><Code>{code}</Code><Message>no</Message></Error></DeleteResult>"
            );
            let (_fake, outputs) =
                outputs(move |_asked| Some(Answer::new(200, told.clone()))).await;
            let (folder, names) = (uri("s3://media/f/"), ["a".to_owned()]);
            let failed = outputs.remove_below(&folder, &names).await;
            match failed.unwrap_err() {
                MediaError::Forbidden(_) => assert!(forbidden, "{code}"),
                MediaError::Unavailable { .. } => assert!(!forbidden, "{code}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn faults_that_pass_are_tried_again_and_refusals_are_not() {
        for (status, code, tries) in [(503, "SlowDown", TRIES as usize), (403, "AccessDenied", 1)] {
            let (fake, outputs) = outputs(move |_asked| Some(Answer::fault(status, code))).await;
            let failed = outputs.remove(&uri("s3://media/a"), None).await;
            assert!(failed.is_err());
            assert_eq!(fake.asked().len(), tries, "{code}");
        }
        let calls = AtomicUsize::new(0);
        let (fake, outputs) = outputs(move |_asked| {
            let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
            // A connection that ends without an answer, and then one that has one.
            (!first).then(|| Answer::new(204, ""))
        })
        .await;
        outputs.remove(&uri("s3://media/a"), None).await.unwrap();
        assert_eq!(fake.asked().len(), 2);
    }
}
