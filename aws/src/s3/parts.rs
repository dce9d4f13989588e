//! Cutting an output into the parts of a multipart upload. No request is made here.

use std::{io, ops::Range, os::unix::fs::FileExt as _, path::Path};

use aws_sdk_s3::primitives::{ByteStream, Length};
use nommer_core::moov::Segment;

/// Most parts of one upload.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const MOST_PARTS: u64 = 10_000;

/// Smallest part that we make; S3's own limit is 5 MiB.
const SMALLEST: u64 = 16 * 1_024 * 1_024;

/// Size of the parts of an output: as small as the number of parts allows. 5 TB make parts of some 525 MB.
pub(super) fn part_size(bytes: u64) -> u64 {
    bytes.div_ceil(MOST_PARTS).max(SMALLEST)
}

/// The ranges of an output that make its parts.
pub(super) fn parts(bytes: u64) -> Vec<Range<u64>> {
    let size = part_size(bytes);
    (0..bytes.div_ceil(size))
        .map(|number| number * size..((number + 1) * size).min(bytes))
        .collect()
}

/// Length of an output.
pub(super) fn length(segments: &[Segment]) -> u64 {
    segments.iter().map(Segment::size).sum()
}

/// What a part is made of: pieces of the segments.
fn pieces(segments: &[Segment], part: &Range<u64>) -> Vec<Segment> {
    let mut pieces = Vec::new();
    let mut at = 0;
    for segment in segments {
        let from = part.start.saturating_sub(at).min(segment.size());
        let to = part.end.saturating_sub(at).min(segment.size());
        at += segment.size();
        if from < to {
            pieces.push(match segment {
                Segment::Source { offset, .. } => Segment::Source {
                    offset: offset + from,
                    len: to - from,
                },
                Segment::Bytes(bytes) => {
                    let index = |position| usize::try_from(position).unwrap_or(usize::MAX);
                    Segment::Bytes(bytes[index(from)..index(to)].to_vec())
                }
            });
        }
    }
    pieces
}

/// The body of a part. One that is a piece of the file is streamed from it; one that is put together, which only the parts at the
/// seams of the segments are, is held in memory.
pub(super) async fn body(
    file: &Path,
    segments: &[Segment],
    part: &Range<u64>,
) -> io::Result<ByteStream> {
    let pieces = pieces(segments, part);
    if let [Segment::Source { offset, len }] = pieces.as_slice() {
        return ByteStream::read_from()
            .path(file)
            .offset(*offset)
            .length(Length::Exact(*len))
            .build()
            .await
            .map_err(io::Error::other);
    }
    let file = file.to_owned();
    let joined = tokio::task::spawn_blocking(move || join(&file, &pieces)).await;
    Ok(ByteStream::from(joined.map_err(io::Error::other)??))
}

fn join(file: &Path, pieces: &[Segment]) -> io::Result<Vec<u8>> {
    let file = std::fs::File::open(file)?;
    let mut bytes = Vec::new();
    for piece in pieces {
        match piece {
            Segment::Bytes(some) => bytes.extend_from_slice(some),
            Segment::Source { offset, len } => {
                let from = bytes.len();
                let len = usize::try_from(*len).map_err(io::Error::other)?;
                bytes.resize(from + len, 0);
                file.read_exact_at(&mut bytes[from..], *offset)?;
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_terabytes_fit_into_ten_thousand_parts() {
        for bytes in [1, SMALLEST, SMALLEST + 1, 5_000_000_000_000, 5 << 40] {
            let parts = parts(bytes);
            assert!(parts.len() <= 10_000);
            assert_eq!((parts[0].start, parts.last().unwrap().end), (0, bytes));
            assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
        }
    }

    #[test]
    fn parts_put_together_are_the_output() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"0123456789").unwrap();
        let segments = [
            Segment::Source { offset: 0, len: 3 },
            Segment::Bytes(b"abcd".to_vec()),
            Segment::Source { offset: 5, len: 5 },
        ];
        let whole = join(file.path(), &segments).unwrap();
        assert_eq!(whole, b"012abcd56789");
        for size in 1..=whole.len() as u64 {
            let mut joined = Vec::new();
            let mut from = 0;
            while from < length(&segments) {
                let part = from..(from + size).min(length(&segments));
                joined.extend(join(file.path(), &pieces(&segments, &part)).unwrap());
                from += size;
            }
            assert_eq!(joined, whole, "parts of {size}");
        }
    }
}
