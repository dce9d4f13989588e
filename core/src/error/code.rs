//! The stable codes: their names, HTTP statuses, hints, and whether trying again may help.

use serde::{Deserialize, Serialize};

/// What went wrong, in one word. Lower snake case on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Code {
    /// A field of the request is missing or wrong.
    InvalidSpec,
    /// The request body is larger than the limit.
    BodyTooLarge,
    /// `preset` names no preset.
    UnknownPreset,
    /// `nommer` names no workflow of ours.
    UnknownNommer,
    /// An FFmpeg option is not on the allowlist, or has a value that is not.
    OptionNotAllowed,
    /// A filter is not on the allowlist, or has an option that is not.
    UnsupportedFilter,
    /// There is nothing at the source address.
    SourceNotFound,
    /// The source may not be read with the rights at hand.
    SourceForbidden,
    /// The source is not media that can be read: empty, corrupt, or of an unknown kind.
    SourceUnreadable,
    /// The source is no longer what an earlier attempt read.
    SourceChanged,
    /// The source is larger than a limit of the operator's: in bytes, pixels, streams or duration.
    SourceTooLarge,
    /// FFmpeg lacks a codec that the job asks for, or the source holds one that it cannot decode.
    UnsupportedCodec,
    /// FFmpeg ended with an error.
    EncoderFailed,
    /// The output grew past the operator's limit.
    OutputTooLarge,
    /// FFmpeg is not installed on the encoder.
    EncoderMissing,
    /// The encoder's disk is too small for the job.
    OutOfDisk,
    /// The job needed more memory than the encoder may give it.
    OutOfMemory,
    /// The job ran for longer than it may, or stood still.
    TimedOut,
    /// The encoder went away in the middle of the job.
    Interrupted,
    /// Every attempt was used up.
    AttemptsExhausted,
    /// Nothing was heard of the job for too long.
    Abandoned,
    /// The destination may not be written with the rights at hand.
    DestForbidden,
    /// The destination belongs to another live job, or was changed by somebody else.
    DestConflict,
    /// The destination cannot be reached or written for now.
    DestUnavailable,
    /// The job would cost more than it may.
    OverBudget,
    /// The caller has too many jobs.
    QuotaExceeded,
    /// The idempotency key was used with another body.
    IdempotencyMismatch,
    /// What was asked does not fit the present state.
    Conflict,
    /// There is no such thing.
    NotFound,
    /// The method is not one that this address answers.
    MethodNotAllowed,
    /// No valid API key was sent.
    Unauthorized,
    /// The API key may not do this.
    Forbidden,
    /// Too many requests.
    RateLimited,
    /// A part of the system that is needed did not answer; the same request may succeed later.
    Unavailable,
    /// A defect of ours.
    Internal,
}

impl Code {
    /// Every code, in the order of the list.
    pub const ALL: [Self; 35] = [
        Self::InvalidSpec,
        Self::BodyTooLarge,
        Self::UnknownPreset,
        Self::UnknownNommer,
        Self::OptionNotAllowed,
        Self::UnsupportedFilter,
        Self::SourceNotFound,
        Self::SourceForbidden,
        Self::SourceUnreadable,
        Self::SourceChanged,
        Self::SourceTooLarge,
        Self::UnsupportedCodec,
        Self::EncoderFailed,
        Self::OutputTooLarge,
        Self::EncoderMissing,
        Self::OutOfDisk,
        Self::OutOfMemory,
        Self::TimedOut,
        Self::Interrupted,
        Self::AttemptsExhausted,
        Self::Abandoned,
        Self::DestForbidden,
        Self::DestConflict,
        Self::DestUnavailable,
        Self::OverBudget,
        Self::QuotaExceeded,
        Self::IdempotencyMismatch,
        Self::Conflict,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Unauthorized,
        Self::Forbidden,
        Self::RateLimited,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The code as it stands on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidSpec => "invalid_spec",
            Self::BodyTooLarge => "body_too_large",
            Self::UnknownPreset => "unknown_preset",
            Self::UnknownNommer => "unknown_nommer",
            Self::OptionNotAllowed => "option_not_allowed",
            Self::UnsupportedFilter => "unsupported_filter",
            Self::SourceNotFound => "source_not_found",
            Self::SourceForbidden => "source_forbidden",
            Self::SourceUnreadable => "source_unreadable",
            Self::SourceChanged => "source_changed",
            Self::SourceTooLarge => "source_too_large",
            Self::UnsupportedCodec => "unsupported_codec",
            Self::EncoderFailed => "encoder_failed",
            Self::OutputTooLarge => "output_too_large",
            Self::EncoderMissing => "encoder_missing",
            Self::OutOfDisk => "out_of_disk",
            Self::OutOfMemory => "out_of_memory",
            Self::TimedOut => "timed_out",
            Self::Interrupted => "interrupted",
            Self::AttemptsExhausted => "attempts_exhausted",
            Self::Abandoned => "abandoned",
            Self::DestForbidden => "dest_forbidden",
            Self::DestConflict => "dest_conflict",
            Self::DestUnavailable => "dest_unavailable",
            Self::OverBudget => "over_budget",
            Self::QuotaExceeded => "quota_exceeded",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::Conflict => "conflict",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::RateLimited => "rate_limited",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status of an answer with this code.
    pub fn http_status(self) -> u16 {
        match self {
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::DestConflict | Self::Conflict => 409,
            Self::BodyTooLarge => 413,
            Self::QuotaExceeded | Self::RateLimited => 429,
            Self::Internal => 500,
            Self::Unavailable | Self::DestUnavailable => 503,
            Self::InvalidSpec => 400,
            Self::UnknownPreset
            | Self::UnknownNommer
            | Self::OptionNotAllowed
            | Self::UnsupportedFilter
            | Self::SourceNotFound
            | Self::SourceForbidden
            | Self::SourceUnreadable
            | Self::SourceChanged
            | Self::SourceTooLarge
            | Self::UnsupportedCodec
            | Self::EncoderFailed
            | Self::OutputTooLarge
            | Self::EncoderMissing
            | Self::OutOfDisk
            | Self::OutOfMemory
            | Self::TimedOut
            | Self::Interrupted
            | Self::AttemptsExhausted
            | Self::Abandoned
            | Self::DestForbidden
            | Self::OverBudget
            | Self::IdempotencyMismatch => 422,
        }
    }

    /// Whether another attempt at the same job can end better. A disk or a memory that was too small once is too small again.
    pub fn retryable(self) -> bool {
        matches!(
            self,
            Self::Interrupted
                | Self::DestUnavailable
                | Self::QuotaExceeded
                | Self::RateLimited
                | Self::Unavailable
        )
    }

    /// What the reader can do, where that is the same for every error with this code.
    pub fn hint(self) -> Option<&'static str> {
        Some(match self {
            Self::EncoderMissing => {
                "install ffmpeg (Debian, Ubuntu: `apt-get install ffmpeg`; macOS: `brew install ffmpeg`)"
            }
            Self::SourceTooLarge | Self::OutputTooLarge => {
                "an operator can raise the limit that the message names"
            }
            Self::OutOfDisk => "free space on the encoder's disk, or give it a larger one",
            Self::DestForbidden => {
                "check that the folder or bucket may be written, and that its owner lets you"
            }
            Self::DestConflict => "wait for the other job or choose another destination",
            Self::SourceNotFound => "check the address; names are case-sensitive",
            Self::AttemptsExhausted => {
                "each encoder that took the job went away; its source may crash ffmpeg"
            }
            Self::InvalidSpec
            | Self::BodyTooLarge
            | Self::UnknownPreset
            | Self::UnknownNommer
            | Self::OptionNotAllowed
            | Self::UnsupportedFilter
            | Self::SourceForbidden
            | Self::SourceUnreadable
            | Self::SourceChanged
            | Self::UnsupportedCodec
            | Self::EncoderFailed
            | Self::OutOfMemory
            | Self::TimedOut
            | Self::Interrupted
            | Self::Abandoned
            | Self::DestUnavailable
            | Self::OverBudget
            | Self::QuotaExceeded
            | Self::IdempotencyMismatch
            | Self::Conflict
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::Unauthorized
            | Self::Forbidden
            | Self::RateLimited
            | Self::Unavailable
            | Self::Internal => return None,
        })
    }
}
