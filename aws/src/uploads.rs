//! Uploads into the stack's bucket for media: by addresses that are signed and hold for a while, so that the bytes go to S3 alone.
//!
//! What one request does not take goes there in the parts of a multipart upload, which is opened and completed here. No bytes of an upload
//! pass through here, and nothing is kept of it.

mod address;
mod calls;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use aws_config::SdkConfig;
use jiff::Timestamp;
use nommer_core::{
    lease::elapsed,
    ports::{StoreError, Uploads},
    upload::{Completion, Cut, FOLDER, Offer, Part, Upload},
};

use address::{Address, Signer};
use calls::Calls;

/// The place for uploads of one stack.
#[derive(Clone, Debug)]
pub struct S3Uploads {
    root: String,
    address: Arc<Address>,
    calls: Calls,
    cut: Cut,
}

impl S3Uploads {
    /// The bucket with this name, signed for with the credentials of this configuration. None if it names no region or no credentials.
    pub fn new(sdk: &SdkConfig, bucket: &str) -> Option<Self> {
        Some(Self {
            root: format!("s3://{bucket}/{FOLDER}"),
            address: Arc::new(Address::new(sdk, bucket)?),
            calls: Calls::default(),
            cut: Cut::S3,
        })
    }

    /// The same with other limits than S3's, for a store that has others.
    #[must_use]
    pub fn with_cut(mut self, cut: Cut) -> Self {
        self.cut = cut;
        self
    }

    /// What signs for as long as the upload may begin.
    async fn signer(&self, upload: &Upload, now: Timestamp) -> Result<Signer<'_>, StoreError> {
        let valid = elapsed(upload.expires_at, now);
        self.address.signer(now, valid).await
    }

    /// The addresses of these parts.
    fn parts(
        signer: &Signer<'_>,
        place: &str,
        handle: &str,
        lengths: &[u64],
    ) -> Result<Vec<Part>, StoreError> {
        let sign = |(number, bytes): (u32, &u64)| {
            let text = number.to_string();
            let query = [("partNumber", text.as_str()), ("uploadId", handle)];
            let length = [("content-length".to_owned(), bytes.to_string())];
            let url = signer.sign("PUT", place, &query, &length)?;
            Ok(Part {
                number,
                bytes: *bytes,
                url,
            })
        };
        (1..).zip(lengths).map(sign).collect()
    }
}

impl Uploads for S3Uploads {
    fn root(&self) -> &str {
        &self.root
    }

    fn cut(&self) -> Cut {
        self.cut
    }

    async fn offer(&self, upload: &Upload, now: Timestamp) -> Result<Offer, StoreError> {
        let (announced, place) = (&upload.announced, upload.place());
        let signer = self.signer(upload, now).await?;
        if let Some(lengths) = self.cut.parts(announced.bytes) {
            let handle = self.calls.open(&signer, &place, announced).await?;
            let parts = Self::parts(&signer, &place, &handle, &lengths)?;
            return Ok(Offer::Parts { handle, parts });
        }
        let headers = vec![
            ("content-length".to_owned(), announced.bytes.to_string()),
            ("content-type".to_owned(), announced.content_type.clone()),
        ];
        let url = signer.sign("PUT", &place, &[], &headers)?;
        Ok(Offer::Whole { url, headers })
    }

    async fn offer_parts(
        &self,
        upload: &Upload,
        handle: &str,
        now: Timestamp,
    ) -> Result<Vec<Part>, StoreError> {
        let signer = self.signer(upload, now).await?;
        let lengths = self.cut.parts(upload.announced.bytes).unwrap_or_default();
        Self::parts(&signer, &upload.place(), handle, &lengths)
    }

    async fn complete(
        &self,
        upload: &Upload,
        handle: &str,
        etags: &[String],
        now: Timestamp,
    ) -> Result<Completion, StoreError> {
        let (signer, place) = (self.signer(upload, now).await?, upload.place());
        let joined = self.calls.join(&signer, &place, handle, etags).await?;
        if joined != Completion::Unknown {
            return Ok(joined);
        }
        // Completed before, and the answer was lost: then it is there.
        let there = self.calls.length(&signer, &place).await?;
        Ok(if there == Some(upload.announced.bytes) {
            Completion::Done
        } else {
            Completion::Unknown
        })
    }
}
