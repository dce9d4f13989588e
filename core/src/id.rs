//! Names of the things that the system keeps: jobs, batches, instances, uploads, API keys and webhook endpoints.
//!
//! Ids are opaque text outside this file. They are made from random bytes that the caller supplies; nothing here draws them.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Longest id that is read back from anywhere, in bytes.
///
/// Ours have 36; the original's had 50. The rest is room for ids that an import may bring.
const MAX_ID_BYTES: usize = 64;

/// The name of one job, for ever.
///
/// Made from a version 7 UUID (RFC 9562), so ids sort by creation time and serve as list cursors.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobId(String);

impl JobId {
    /// The id for a freshly drawn UUID: `job_` and 32 hexadecimal digits.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(format!("job_{}", uuid.simple()))
    }

    /// The same for a job that is a probe: `probe_` and 32 hexadecimal digits.
    pub fn of_probe(uuid: Uuid) -> Self {
        Self(format!("probe_{}", uuid.simple()))
    }

    /// The name of a job that there is not, in events that only try out who hears of them.
    pub fn of_sample(uuid: Uuid) -> Self {
        Self(format!("sample_{}", uuid.simple()))
    }

    /// The name of something that happened to the fleet: by its time and its number among what happened then.
    pub fn of_fleet(at: Timestamp, number: usize) -> Self {
        Self(format!("fleet_{}_{number}", at.as_millisecond()))
    }

    /// Not greater than the id of any job that is submitted at this time or later, and not less than those of earlier ones.
    pub fn first_of(at: Timestamp) -> Self {
        let millis = u128::try_from(at.as_millisecond()).unwrap_or_default();
        // The first 48 of the 128 bits of a version 7 UUID are the time (RFC 9562, 5.7).
        Self::from_uuid(Uuid::from_u128(millis << 80))
    }
}

/// The name of one batch.
///
/// Made as a job's is, so it sorts as time does. The names of its jobs follow from it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchId(String);

/// Digits that the names of a batch and its jobs share; the last four are the entry's number.
const SHARED_DIGITS: usize = 28;

impl BatchId {
    /// The id for a freshly drawn UUID: `batch_` and 32 hexadecimal digits, of which the last four are zero.
    pub fn from_uuid(uuid: Uuid) -> Self {
        let shared = uuid.as_u128() >> 16 << 16;
        Self(format!("batch_{shared:032x}"))
    }

    /// The name of the job of an entry.
    pub fn job(&self, entry: u32) -> JobId {
        let digits = self.0.strip_prefix("batch_").unwrap_or(&self.0);
        let shared = digits.get(..SHARED_DIGITS).unwrap_or(digits);
        JobId(format!("job_{shared}{entry:04x}"))
    }
}

/// The name of one instance: an EC2 instance id, or `local-` and a UUID for an encoder process on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InstanceId(String);

impl InstanceId {
    /// The id of an encoder process on this machine, for a freshly drawn UUID.
    pub fn local(uuid: Uuid) -> Self {
        Self(format!("local-{}", uuid.simple()))
    }
}

/// The name of one upload.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UploadId(String);

impl UploadId {
    /// The id for a freshly drawn random UUID: `upload_` and 32 hexadecimal digits, which nobody guesses.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(format!("upload_{}", uuid.simple()))
    }
}

/// The name of one API key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeyId(String);

impl KeyId {
    /// The id for random bytes that are written in hexadecimal digits already: `key_` and those.
    pub fn from_hex(digits: &str) -> Self {
        Self(format!("key_{digits}"))
    }
}

/// The name of one webhook endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EndpointId(String);

/// What ids of endpoints begin with; by that they are told from the other targets of notifications.
pub(crate) const ENDPOINT_MARK: &str = "we_";

impl EndpointId {
    /// The id for a freshly drawn UUID: `we_` and 32 hexadecimal digits.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(format!("{ENDPOINT_MARK}{}", uuid.simple()))
    }
}

/// What all ids can do: they are text, checked wherever it is read.
macro_rules! checked_text {
    ($($id:ident)+) => { $(
        impl $id {
            /// The id as it stands on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $id {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                check_id(text).map(|()| Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $id {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                check_id(&text).map(|()| Self(text))
            }
        }

        impl From<$id> for String {
            fn from(id: $id) -> Self {
                id.0
            }
        }

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+ };
}

checked_text! { JobId BatchId InstanceId UploadId KeyId EndpointId }

/// Text that cannot be an id: empty, too long, or with characters other than letters, digits, `-` and `_`.
///
/// Ids become file names and URL segments, so nothing else is let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id: ids have 1 to {MAX_ID_BYTES} letters, digits, `-` or `_`")]
pub struct InvalidId;

fn check_id(text: &str) -> Result<(), InvalidId> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if text.is_empty() || text.len() > MAX_ID_BYTES || !text.bytes().all(legal) {
        return Err(InvalidId);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_creation_time() {
        let early = JobId::from_uuid(Uuid::from_u128(1 << 80));
        let late = JobId::from_uuid(Uuid::from_u128(2 << 80));
        assert!(early < late);
        assert_eq!(early.as_str().len(), 36);
    }

    #[test]
    fn the_first_id_of_a_time_parts_earlier_jobs_from_later_ones() {
        let at = |millis| JobId::first_of(Timestamp::from_millisecond(millis).unwrap());
        let made =
            |millis: u128, rest: u128| JobId::from_uuid(Uuid::from_u128(millis << 80 | rest));
        assert!(made(4_999, (1 << 80) - 1) < at(5_000));
        assert!(at(5_000) <= made(5_000, 0));
        assert!(made(5_000, 7) < at(5_001));
        assert!(at(-1) <= made(0, 0));
    }

    #[test]
    fn the_names_of_a_batchs_jobs_follow_from_its_own_and_sort_as_its_entries() {
        let batch = BatchId::from_uuid(Uuid::from_u128(7 << 80 | 0xffff));
        assert!(batch.as_str().ends_with("0000"));
        assert!(batch.job(0) < batch.job(1) && batch.job(15) < batch.job(499));
        assert_eq!(batch.job(500).as_str().len(), 36);
        let next = BatchId::from_uuid(Uuid::from_u128(7 << 80 | 0x1_0000));
        assert!(batch.job(0xffff) < next.job(0));
    }

    #[test]
    fn an_id_that_could_leave_its_folder_is_refused() {
        for text in ["", "../x", "a/b", "a b", "job_\0", "é", &"x".repeat(65)] {
            assert_eq!(text.parse::<JobId>(), Err(InvalidId), "{text:?}");
        }
        assert!(
            "0123456789abcdef0123456789abcdef0123456789abcdef01"
                .parse::<JobId>()
                .is_ok()
        );
    }
}
