//! What reads the files of a job: named, never guessed by FFmpeg.

/// What reads the files of a job.
#[derive(Clone, Copy, Debug)]
pub struct Demuxers<'a> {
    /// Reads the source.
    pub source: &'a str,
    /// Reads the watermark, of a job that has one.
    pub watermark: Option<&'a str>,
}

impl<'a> From<&'a str> for Demuxers<'a> {
    fn from(source: &'a str) -> Self {
        Self {
            source,
            watermark: None,
        }
    }
}
