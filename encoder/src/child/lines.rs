//! Cuts a stream of bytes into lines, with a bound on the length of each.

/// Bytes of a line that are kept. Longer than any line ffmpeg means to be read; the rest of such a line is left out.
pub const MAX_LINE_BYTES: usize = 4096;

/// Collects bytes until a line is whole. `\n` and `\r` both end a line; empty lines are skipped.
#[derive(Debug, Default)]
pub(super) struct LineSplitter {
    partial: Vec<u8>,
}

impl LineSplitter {
    /// Hands each line that `bytes` completes to `each`. Bytes that are not UTF-8 become replacement characters.
    pub(super) fn push(&mut self, bytes: &[u8], mut each: impl FnMut(&str)) {
        for piece in bytes.split_inclusive(|byte| matches!(byte, b'\n' | b'\r')) {
            let (text, ended) = match piece {
                [text @ .., b'\n' | b'\r'] => (text, true),
                text => (text, false),
            };
            let room = MAX_LINE_BYTES.saturating_sub(self.partial.len());
            self.partial.extend(text.iter().take(room));
            if ended {
                self.finish(&mut each);
            }
        }
    }

    /// Hands over what stands after the last line's end, at the end of the stream.
    pub(super) fn finish(&mut self, mut each: impl FnMut(&str)) {
        if !self.partial.is_empty() {
            each(&String::from_utf8_lossy(&self.partial));
            self.partial.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let mut splitter = LineSplitter::default();
        let mut lines = Vec::new();
        for chunk in chunks {
            splitter.push(chunk, |line| lines.push(line.to_owned()));
        }
        splitter.finish(|line| lines.push(line.to_owned()));
        lines
    }

    #[test]
    fn lines_are_found_across_chunks() {
        assert_eq!(
            lines(&[b"fra", b"me=1\r\nfps=", b"2\n", b"end"]),
            ["frame=1", "fps=2", "end"]
        );
    }

    #[test]
    fn an_endless_line_is_cut_and_the_next_is_whole() {
        let long = vec![b'x'; 10 * MAX_LINE_BYTES];
        let found = lines(&[&long, &long, b"\nnext\n"]);
        assert_eq!(found, ["x".repeat(MAX_LINE_BYTES), "next".to_owned()]);
    }

    proptest! {
        #[test]
        fn chunks_make_no_difference(text in "[ab\n\r]{0,64}", cut in 0..64_usize) {
            let bytes = text.as_bytes();
            let (head, tail) = bytes.split_at(cut.min(bytes.len()));
            prop_assert_eq!(lines(&[head, tail]), lines(&[bytes]));
        }
    }
}
