//! How large media may be: what a source may hold, and how far an output may grow. Says which limit is passed, and by what.
//!
//! Time has limits of its own: `jobs.time_limit` and `encoder.stall_limit`. What FFmpeg prints is bounded where it is read.

use std::time::Duration;

use jiff::fmt::serde::unsigned_duration::friendly::compact::required as friendly;
use serde::{Deserialize, Serialize};

use crate::{
    error::{Code, JobError},
    probe::Probe,
    settings::SettingError,
};

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MediaLimits {
    /// Most bytes of a source.
    pub source_bytes: u64,
    /// Most pixels of one picture of a source: width by height. Decoders hold several pictures at once.
    pub source_pixels: u64,
    /// Most streams of a source.
    pub source_streams: u64,
    /// Longest time that a source may last, as far as it says.
    #[serde(with = "friendly")]
    pub source_duration: Duration,
    /// Most bytes of an output, and of any other file that FFmpeg writes.
    pub output_bytes: u64,
}

impl Default for MediaLimits {
    /// 100 GiB are five hours of an intermediate codec at 4K; 8192 by 8192 pixels take in 8K and square pictures of that width; a
    /// hundred streams are sixteen channels as a stream each in six languages; a day is a broadcaster's longest recording.
    fn default() -> Self {
        Self {
            source_bytes: 100 << 30,
            source_pixels: 8_192 * 8_192,
            source_streams: 100,
            source_duration: Duration::from_secs(24 * 3_600),
            output_bytes: 100 << 30,
        }
    }
}

impl MediaLimits {
    /// Refuses limits that would let nothing in.
    pub fn validate(&self) -> Result<(), SettingError> {
        let numbers = [
            ("limits.source_bytes", self.source_bytes),
            ("limits.source_pixels", self.source_pixels),
            ("limits.source_streams", self.source_streams),
            ("limits.output_bytes", self.output_bytes),
        ];
        let nothing = numbers.into_iter().find(|(_, most)| *most == 0);
        let field = match nothing {
            Some((field, _)) => field,
            None if self.source_duration.is_zero() => "limits.source_duration",
            None => return Ok(()),
        };
        Err(SettingError {
            field,
            problem: "must be more than nothing".to_owned(),
        })
    }

    /// Refuses a source of more bytes than may be, told or counted so far.
    pub fn check_source_bytes(&self, bytes: u64) -> Result<(), JobError> {
        too_large("bytes", bytes, "source_bytes", self.source_bytes)
    }

    /// Refuses a source that holds more than may be. What it does not say, FFmpeg finds out under its limits of time and memory.
    pub fn check_source(&self, probe: &Probe) -> Result<(), JobError> {
        let streams = u64::try_from(probe.streams.len()).unwrap_or(u64::MAX);
        too_large("streams", streams, "source_streams", self.source_streams)?;
        for stream in &probe.streams {
            let side = |side: Option<u32>| u64::from(side.unwrap_or(0));
            let pixels = side(stream.width).saturating_mul(side(stream.height));
            too_large("pixels", pixels, "source_pixels", self.source_pixels)?;
        }
        match probe.duration {
            Some(duration) if duration > self.source_duration => Err(JobError::new(
                Code::SourceTooLarge,
                format!(
                    "the source lasts for {} s; limits.source_duration is {} s",
                    duration.as_secs(),
                    self.source_duration.as_secs()
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The error for an output that was cut off at this many bytes, which the disk could have taken.
    pub fn output_too_large(&self) -> JobError {
        JobError::new(
            Code::OutputTooLarge,
            format!(
                "the output grew past limits.output_bytes, which is {}",
                self.output_bytes
            ),
        )
    }
}

fn too_large(what: &str, found: u64, limit: &str, most: u64) -> Result<(), JobError> {
    if found <= most {
        return Ok(());
    }
    let message = format!("the source has {found} {what}; limits.{limit} is {most}");
    Err(JobError::new(Code::SourceTooLarge, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Stream;

    fn source(width: u32, height: u32, streams: usize, seconds: u64) -> Probe {
        let stream = Stream {
            width: Some(width),
            height: Some(height),
            ..Stream::default()
        };
        Probe {
            duration: Some(Duration::from_secs(seconds)),
            streams: vec![stream; streams],
            ..Probe::default()
        }
    }

    #[test]
    fn each_limit_is_named_with_what_was_found_and_what_is_allowed() {
        let limits = MediaLimits::default();
        limits
            .check_source(&source(7_680, 4_320, 100, 86_400))
            .unwrap();
        for (probe, words) in [
            (
                source(100_000, 100_000, 1, 1),
                "10000000000 pixels; limits.source_pixels is 67108864",
            ),
            (source(u32::MAX, u32::MAX, 1, 1), "limits.source_pixels"),
            (
                source(1, 1, 101, 1),
                "101 streams; limits.source_streams is 100",
            ),
            (
                source(1, 1, 1, 86_401),
                "86401 s; limits.source_duration is 86400 s",
            ),
        ] {
            let error = limits.check_source(&probe).unwrap_err();
            assert_eq!(error.code, Code::SourceTooLarge);
            assert!(error.message.contains(words), "{}", error.message);
        }
        limits.check_source_bytes(100 << 30).unwrap();
        let error = limits.check_source_bytes(1 << 40).unwrap_err();
        assert!(
            error.message.contains("limits.source_bytes"),
            "{}",
            error.message
        );
    }

    #[test]
    fn a_limit_of_nothing_is_refused_by_name() {
        let limits = MediaLimits {
            source_streams: 0,
            ..MediaLimits::default()
        };
        assert_eq!(
            limits.validate().unwrap_err().field,
            "limits.source_streams"
        );
        MediaLimits::default().validate().unwrap();
    }
}
