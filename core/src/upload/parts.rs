//! Uploads that take more than one request: how they are cut into parts, and what a caller says of the parts in the end.
//!
//! Only reckons and reads: no part passes through here, and none is put together here.

use serde_json::Value;

use super::{object, refused};
use crate::{error::Code, spec::SpecError};

/// The fields of a request that completes an upload, and of each part in it.
const FIELDS: [&str; 1] = ["parts"];
const PART_FIELDS: [&str; 2] = ["number", "etag"];

/// Longest version tag of a part, in bytes. S3's have 32, and are not promised to stay so.
const ETAG_BYTES: usize = 128;

/// How much one request takes, and how what is larger is cut into parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Most bytes of an upload that comes in one request.
    pub whole: u64,
    /// Bytes of a part where that does not make too many of them. The last part has what is left.
    pub usual: u64,
    /// Most bytes of a part.
    pub largest: u64,
    /// Most parts.
    pub parts: u32,
}

impl Cut {
    /// As S3 takes them: 5 GiB in one request and in one part. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
    ///
    /// S3 takes 10,000 parts. A tenth of them reaches 5 TB too, and their signed addresses, 2 KB each, fit into the 6 MB that a Lambda may
    /// answer. <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
    /// Parts of 64 MiB are soon sent again, and few enough that the requests cost next to nothing.
    pub const S3: Self = Self {
        whole: 5 << 30,
        usual: 64 << 20,
        largest: 5 << 30,
        parts: 1_000,
    };

    /// Everything comes in one request.
    pub const NEVER: Self = Self {
        whole: u64::MAX,
        usual: u64::MAX,
        largest: u64::MAX,
        parts: 1,
    };

    /// The most bytes that an upload may have, whatever the operator allows.
    pub fn most_bytes(&self) -> u64 {
        let in_parts = self.largest.saturating_mul(self.parts.into());
        self.whole.max(in_parts)
    }

    /// How many bytes each part of an upload has; none if it comes in one request. For no more than [`Self::most_bytes`].
    pub fn parts(&self, bytes: u64) -> Option<Vec<u64>> {
        if bytes <= self.whole {
            return None;
        }
        let fewest = bytes.div_ceil(self.parts.max(1).into());
        let size = fewest.max(self.usual).max(1);
        let lengths = (0..bytes.div_ceil(size)).map(|number| size.min(bytes - number * size));
        Some(lengths.collect())
    }
}

/// A part that may be brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which one it is, from 1 on.
    pub number: u32,
    /// How many bytes it has.
    pub bytes: u64,
    /// Where to bring it: a whole address.
    pub url: String,
}

/// What became of putting parts together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// The upload is whole.
    Done,
    /// There is no such upload, or not any more.
    Unknown,
    /// A part did not come, or is not the one that was named; which one, if that is known.
    OtherPart(Option<u32>),
}

/// Reads a body of `POST /v1/uploads/{id}/complete`, for an upload of so many parts: their version tags, in order.
pub fn parse_completion(body: &Value, parts: usize) -> Result<Vec<String>, SpecError> {
    let body = object(body, "", &FIELDS)?;
    let given = body.get("parts").and_then(Value::as_array);
    let given = given
        .filter(|given| given.len() == parts)
        .ok_or_else(|| refused("/parts", format!("parts must be a list of {parts} parts")))?;
    let numbered = given.iter().enumerate();
    numbered.map(|(index, part)| etag(part, index)).collect()
}

/// The version tag of the part that stands at this place of the list.
fn etag(part: &Value, index: usize) -> Result<String, SpecError> {
    let at = format!("/parts/{index}");
    let part = object(part, &at, &PART_FIELDS)?;
    let number = index as u64 + 1;
    if part.get("number").and_then(Value::as_u64) != Some(number) {
        let message = format!("parts stand in the order of their numbers: this is {number}");
        return Err(refused(&format!("{at}/number"), message));
    }
    let plain = |text: &&str| {
        let legal = |byte: u8| byte.is_ascii_graphic() && !b"\"'<>&".contains(&byte);
        (1..=ETAG_BYTES).contains(&text.len()) && text.bytes().all(legal)
    };
    let etag = part.get("etag").and_then(Value::as_str);
    let etag = etag.map(|text| text.trim_matches('"')).filter(plain);
    etag.map(str::to_owned).ok_or_else(|| {
        let message = "etag must be the header ETag of the answer to this part";
        refused(&format!("{at}/etag"), message)
    })
}

impl Completion {
    /// Why a caller's request to complete an upload is refused, if it is one that can be put right.
    pub fn refusal(self) -> Option<SpecError> {
        let Self::OtherPart(number) = self else {
            return None;
        };
        let pointer = number.map_or_else(
            || "/parts".to_owned(),
            |number| format!("/parts/{}/etag", number.saturating_sub(1)),
        );
        let message = match number {
            Some(number) => format!("part {number} did not come, or has another etag"),
            None => "a part did not come, or has another etag".to_owned(),
        };
        let mut refused = SpecError::new(pointer, Code::InvalidSpec, message);
        let hint = "send the part again, and name the ETag of that answer";
        refused.error.hint = Some(hint.to_owned());
        Some(refused)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_one_request_takes_is_not_cut() {
        assert_eq!(Cut::S3.parts(1), None);
        assert_eq!(Cut::S3.parts(5 << 30), None);
        assert_eq!(Cut::NEVER.parts(u64::MAX), None);
        let parts = Cut::S3.parts((5 << 30) + 1).unwrap();
        assert_eq!((parts.len(), parts[0], parts[80]), (81, 64 << 20, 1));
    }

    #[test]
    fn five_terabytes_are_a_thousand_parts_that_s3_takes() {
        let parts = Cut::S3.parts(5_000_000_000_000).unwrap();
        assert_eq!(parts.len(), 1_000);
        assert!(parts.iter().all(|bytes| *bytes <= 5 << 30));
        let most = Cut::S3.most_bytes();
        assert!(most >= 5_000_000_000_000);
        assert_eq!(Cut::S3.parts(most).unwrap(), vec![5 << 30; 1_000]);
    }

    proptest! {
        #[test]
        fn every_byte_is_in_one_part(bytes in (5_u64 << 30) + 1..=Cut::S3.most_bytes()) {
            let parts = Cut::S3.parts(bytes).unwrap();
            prop_assert_eq!(parts.iter().sum::<u64>(), bytes);
            prop_assert!(parts.len() <= 1_000);
            let (last, others) = parts.split_last().unwrap();
            prop_assert!((1..=5 << 30).contains(last));
            prop_assert!(others.iter().all(|part| (64 << 20..=5 << 30).contains(part)));
        }
    }

    #[test]
    fn tags_are_read_in_order_with_and_without_quotes() {
        let body = json!({"parts": [{"number": 1, "etag": "\"ab\""}, {"number": 2, "etag": "cd"}]});
        assert_eq!(parse_completion(&body, 2).unwrap(), ["ab", "cd"]);
    }

    #[test]
    fn what_names_not_every_part_once_is_refused_with_its_place() {
        let one = json!({"number": 1, "etag": "ab"});
        for (body, pointer) in [
            (json!([]), ""),
            (json!({}), "/parts"),
            (json!({"parts": []}), "/parts"),
            (json!({"parts": [one]}), "/parts"),
            (json!({"parts": [one, one, one]}), "/parts"),
            (json!({"parts": [one, one]}), "/parts/1/number"),
            (json!({"parts": [one, 2]}), "/parts/1"),
            (
                json!({"parts": [one, {"number": 2, "tag": "x"}]}),
                "/parts/1/tag",
            ),
            (json!({"parts": [one, one], "url": "x"}), "/url"),
        ] {
            let refused = parse_completion(&body, 2).unwrap_err();
            assert_eq!(refused.pointer, pointer, "{body}");
            assert_eq!(refused.error.code, Code::InvalidSpec);
        }
        for etag in [
            json!(null),
            json!(""),
            json!("\"\""),
            json!("a b"),
            json!("</ETag>"),
            json!("a&b"),
            json!("x".repeat(129)),
        ] {
            let body = json!({"parts": [one, {"number": 2, "etag": etag}]});
            let refused = parse_completion(&body, 2).unwrap_err();
            assert_eq!(refused.pointer, "/parts/1/etag", "{body}");
        }
    }
}
