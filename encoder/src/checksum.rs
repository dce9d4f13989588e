//! What an output's bytes amount to, so that whoever fetches it can tell that all of it arrived. Read from the file that is delivered.

use std::{
    fs::OpenOptions,
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use nix::fcntl::OFlag;
use nommer_core::moov::Segment;
use sha2::{Digest as _, Sha256};

/// Bytes that are read at a time.
const PIECE: usize = 256 * 1_024;

/// The SHA-256 of these pieces of a file, in order: `sha256:` and hexadecimal digits.
pub(crate) async fn of(from: &Path, segments: &[Segment]) -> io::Result<String> {
    let (from, segments) = (from.to_owned(), segments.to_vec());
    let read = tokio::task::spawn_blocking(move || sum(&from, &segments));
    read.await.map_err(io::Error::other)?
}

fn sum(from: &Path, segments: &[Segment]) -> io::Result<String> {
    // It comes out of the sandbox: a link in its place would tell of what lies outside.
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(OFlag::O_NOFOLLOW.bits());
    let (mut source, mut piece) = (options.open(from)?, vec![0; PIECE]);
    let mut hash = Sha256::new();
    for segment in segments {
        match segment {
            Segment::Bytes(bytes) => hash.update(bytes),
            Segment::Source { offset, len } => {
                source.seek(SeekFrom::Start(*offset))?;
                let mut rest = (&mut source).take(*len);
                loop {
                    let read = rest.read(&mut piece)?;
                    if read == 0 {
                        break;
                    }
                    hash.update(&piece[..read]);
                }
            }
        }
    }
    let digest = hash.finalize();
    let digits = digest.iter().map(|byte| format!("{byte:02x}"));
    Ok(format!("sha256:{}", digits.collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_sum_is_that_of_the_pieces_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("out");
        std::fs::write(&file, "..cab").unwrap();
        let source = |offset| Segment::Source { offset, len: 1 };
        let segments = [source(3), Segment::Bytes(b"b".to_vec()), source(2)];
        // FIPS 180-2, appendix B.1.
        let known = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of(&file, &segments).await.unwrap(), known);
    }
}
