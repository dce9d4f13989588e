//! Fetching a source with an eye on how much of it has come: some servers do not say how much that will be, and some lie.
//!
//! Whatever serves the source, it arrives as a file, and that file is what is looked at.

use std::{fs, future::Future, path::Path, time::Duration};

use nommer_core::{
    error::{Code, JobError},
    ports::MediaError,
};
use tokio::time::{MissedTickBehavior, interval};

/// Pause between two looks. At 10 Gbit/s, 60 MB arrive meanwhile: less than the space that is always left alone.
const LOOK: Duration = Duration::from_millis(50);

/// Waits for what fills `file`, unless `check` refuses its length on the way or at the end. A refused fetch is dropped.
pub(crate) async fn bounded<T>(
    fetch: impl Future<Output = Result<T, JobError>>,
    file: &Path,
    check: impl Fn(u64) -> Result<(), JobError>,
) -> Result<T, JobError> {
    // Before the first byte there is no file.
    let length = || fs::metadata(file).map_or(0, |found| found.len());
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(fetch);
    let fetched = loop {
        tokio::select! {
            biased;
            _ = looks.tick() => check(length())?,
            fetched = &mut fetch => break fetched?,
        }
    };
    check(length())?;
    Ok(fetched)
}

/// What a fetch that failed means for its job. What is too large is told by `check`, which knows whose limit it is.
pub(crate) fn refused(error: &MediaError, check: impl Fn(u64) -> Result<(), JobError>) -> JobError {
    let told = match error {
        MediaError::TooLarge { bytes, .. } => check(*bytes).err(),
        _ => None,
    };
    told.unwrap_or_else(|| source_error(error))
}

/// What a source that cannot be read means for its job.
fn source_error(error: &MediaError) -> JobError {
    let code = match error {
        MediaError::NotFound(_) => Code::SourceNotFound,
        MediaError::Forbidden(_) => Code::SourceForbidden,
        MediaError::Changed(_) => Code::SourceChanged,
        MediaError::NoSpace(_) => Code::OutOfDisk,
        MediaError::TooLarge { .. } => Code::SourceTooLarge,
        MediaError::Unusable(_) => Code::SourceUnreadable,
        MediaError::Unavailable { .. } => Code::Unavailable,
    };
    JobError::new(code, error.to_string())
}

#[cfg(test)]
mod tests {
    use nommer_core::{error::Code, limits::MediaLimits};
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    fn limits() -> MediaLimits {
        MediaLimits {
            source_bytes: 100_000,
            ..MediaLimits::default()
        }
    }

    #[tokio::test]
    async fn a_source_without_end_is_left_when_it_passes_the_limit() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("source");
        let endless = async {
            let mut to = tokio::fs::File::create_new(&file).await.unwrap();
            loop {
                to.write_all(&[0; 1_000]).await.unwrap();
                to.flush().await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let limits = limits();
        let ended: Result<(), _> =
            bounded(endless, &file, |bytes| limits.check_source_bytes(bytes)).await;
        let error = ended.unwrap_err();
        assert_eq!(error.code, Code::SourceTooLarge);
        assert!(
            error.message.contains("limits.source_bytes is 100000"),
            "{}",
            error.message
        );
    }

    #[tokio::test]
    async fn a_source_that_is_too_large_all_at_once_is_refused_at_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("source");
        let limits = limits();
        let fetch = async |bytes: usize| {
            fs::write(&file, vec![0; bytes]).unwrap();
            Ok(())
        };
        bounded(fetch(100_000), &file, |bytes| {
            limits.check_source_bytes(bytes)
        })
        .await
        .unwrap();
        let ended = bounded(fetch(100_001), &file, |bytes| {
            limits.check_source_bytes(bytes)
        })
        .await;
        assert_eq!(ended.unwrap_err().code, Code::SourceTooLarge);
    }
}
