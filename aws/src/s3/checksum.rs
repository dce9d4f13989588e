//! Checksums of objects that are fetched in pieces: each piece is summed on its way to the disk, and the sums are put together.
//!
//! Only checksums of the whole object can be told from its pieces. S3 keeps one for everything that is uploaded without another.

use aws_sdk_s3::{operation::get_object::GetObjectOutput, types::ChecksumType};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use crc_fast::{CrcAlgorithm, Digest, checksum_combine};

/// The checksum that an object should have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Expected {
    algorithm: CrcAlgorithm,
    sum: u64,
}

impl Expected {
    /// The checksum that S3 keeps of the whole object; none if it keeps none that we can compare.
    pub(super) fn of(answer: &GetObjectOutput) -> Option<Self> {
        if answer.checksum_type == Some(ChecksumType::Composite) {
            return None;
        }
        [
            (&answer.checksum_crc64_nvme, CrcAlgorithm::Crc64Nvme),
            (&answer.checksum_crc32, CrcAlgorithm::Crc32IsoHdlc),
            (&answer.checksum_crc32_c, CrcAlgorithm::Crc32Iscsi),
        ]
        .into_iter()
        .find_map(|(text, algorithm)| {
            let bytes = STANDARD.decode(text.as_deref()?).ok()?;
            let fold = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
            Some(Self {
                algorithm,
                sum: bytes.iter().fold(0, fold),
            })
        })
    }

    /// What sums up a piece.
    pub(super) fn digest(&self) -> Digest {
        Digest::new(self.algorithm)
    }

    /// Whether the pieces, in order, make up the object.
    pub(super) fn matches(&self, pieces: impl IntoIterator<Item = Digest>) -> bool {
        let whole = pieces
            .into_iter()
            .fold(self.digest().finalize(), |sum, piece| {
                checksum_combine(self.algorithm, sum, piece.finalize(), piece.get_amount())
            });
        whole == self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(expected: &Expected, texts: &[&str]) -> bool {
        expected.matches(texts.iter().map(|text| {
            let mut digest = expected.digest();
            digest.update(text.as_bytes());
            digest
        }))
    }

    /// The check values of the three algorithms, as their catalogue lists them for `123456789`.
    /// <https://reveng.sourceforge.io/crc-catalogue/all.htm>
    #[test]
    fn pieces_in_order_have_the_checksum_of_the_whole() {
        let answer = GetObjectOutput::builder;
        let encode = |bytes: &[u8]| STANDARD.encode(bytes);
        for answer in [
            answer().checksum_crc32(encode(&0xcbf4_3926_u32.to_be_bytes())),
            answer().checksum_crc32_c(encode(&0xe306_9283_u32.to_be_bytes())),
            answer().checksum_crc64_nvme(encode(&0xae8b_1486_0a79_9888_u64.to_be_bytes())),
        ] {
            let expected = Expected::of(&answer.build()).unwrap();
            assert!(pieces(&expected, &["123456789"]), "{expected:?}");
            assert!(
                pieces(&expected, &["1234", "", "56", "789"]),
                "{expected:?}"
            );
            assert!(!pieces(&expected, &["56", "1234", "789"]), "{expected:?}");
            assert!(!pieces(&expected, &["12345678"]), "{expected:?}");
        }
    }

    #[test]
    fn a_checksum_of_checksums_is_not_compared() {
        let answer = GetObjectOutput::builder()
            .checksum_crc32("AAAAAA==-2")
            .checksum_type(ChecksumType::Composite);
        assert_eq!(Expected::of(&answer.build()), None);
    }
}
