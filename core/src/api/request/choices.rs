//! Values that a request may give in more than one way, for the description of the API alone.

use serde::Serialize;
use utoipa::ToSchema;

use super::{AudioRequest, VideoRequest};

/// Pictures: how they are coded, `false` for none, `true` for what is usual in the container.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum VideoChoice {
    /// How they are coded.
    Coded(VideoRequest),
    /// Whether there are any.
    Any(bool),
}

/// Sound: how it is coded, `false` for none, `true` for what is usual in the container.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum AudioChoice {
    /// How it is coded.
    Coded(AudioRequest),
    /// Whether there is any.
    Any(bool),
}

/// A rate: bits a second from 8000 to 500000000, or text such as `"2.5M"` and `"128k"`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Rate {
    /// Bits a second.
    Bits(u64),
    /// Text with a unit.
    Text(RateText),
}

/// A rate with its unit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(pattern = r"^[0-9]{1,9}(\.[0-9]{1,3})?[kKM]?$")]
pub struct RateText(pub String);

/// A time: seconds, or `"hh:mm:ss"`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Time {
    /// Seconds.
    Seconds(f64),
    /// As clocks show it.
    Clock(ClockText),
}

/// A time as clocks show it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(pattern = r"^[0-9.]+(:[0-9.]+){0,2}$")]
pub struct ClockText(pub String);

/// A time, or a share of the whole such as `"10%"`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Moment {
    /// Seconds.
    Seconds(f64),
    /// As clocks show it, or a share.
    Text(String),
}

/// How much work the encoder does: a word such as `"veryfast"` for H.264 and H.265, a number for AV1 and VP9.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Speed {
    /// A word.
    Word(String),
    /// A number.
    Number(i64),
}

/// A rendition of a ladder: its height such as `"720p"`, or height and rate.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Rung {
    /// Its height.
    Height(HeightText),
    /// Height and rate.
    Rated(RungRequest),
}

/// A height with `p` behind it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(pattern = "^[0-9]{2,4}p$")]
pub struct HeightText(pub String);

/// A rendition with a rate of its own.
#[derive(Debug, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RungRequest {
    /// Lines at most; never more than the source has.
    #[schema(minimum = 16, maximum = 8_704)]
    pub height: u32,
    /// Mean rate.
    pub bitrate: Option<Rate>,
}

/// The value of an FFmpeg option. `null` and `false` make it a flag.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum OptionValue {
    /// Text.
    Text(String),
    /// A number.
    Number(f64),
    /// A flag, or 1.
    Switch(bool),
}
