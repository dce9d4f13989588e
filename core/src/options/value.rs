//! Kinds of values. Each accepts what cannot be anything else: no path, no address, no second option.

use super::{OptionPolicy, check_graph};
use crate::filtergraph::{FilterError, is_expression};

/// Longest word and expression, in bytes.
const WORD_BYTES: usize = 128;

/// Longest text of one metadata entry, in bytes.
const METADATA_BYTES: usize = 256;

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// No value at all.
    Flag,
    /// A whole number from the first to the second.
    Int(i64, i64),
    /// A number from the first to the second.
    Float(f64, f64),
    /// Digits, perhaps with a `k`, `M` or `G`.
    Bitrate,
    /// Letters, digits and a few signs: a name of FFmpeg's.
    Word,
    /// One of these words.
    OneOf(&'static str),
    /// Some of these words, joined by `+`, `-` or commas.
    SetOf(&'static str),
    /// `640x360` or a name such as `hd720`.
    Size,
    /// `25`, `30000/1001`, `16:9` or a name such as `ntsc`.
    Rate,
    /// Seconds or `hh:mm:ss.ms`.
    Time,
    /// Times, or an expression after `expr:`.
    KeyFrames,
    /// Streams of the one input, or an output of a filtergraph in brackets.
    Map,
    /// `key=text`.
    Metadata,
    /// `key=value` pairs of which the keys are these words, joined by `:`.
    Params(&'static str),
    /// A filtergraph.
    Graph,
}

/// Why a value was refused.
#[derive(Debug)]
pub(super) enum Bad {
    /// It is not of its kind.
    Value,
    /// It is a filtergraph with something in it that is not allowed.
    Filter(FilterError),
}

impl Kind {
    pub(super) fn is_flag(self) -> bool {
        matches!(self, Self::Flag)
    }

    /// The value as FFmpeg gets it.
    pub(super) fn check(self, text: &str, policy: &OptionPolicy) -> Result<String, Bad> {
        let legal = match self {
            Self::Flag => false,
            Self::Int(least, most) => text
                .parse()
                .is_ok_and(|number: i64| (least..=most).contains(&number)),
            Self::Float(least, most) => {
                is_plain_number(text)
                    && text
                        .parse()
                        .is_ok_and(|number: f64| (least..=most).contains(&number))
            }
            Self::Bitrate => is_bitrate(text),
            Self::Word | Self::Size => is_word(text),
            Self::OneOf(list) => lists(list, text),
            Self::SetOf(list) => {
                text.len() <= WORD_BYTES
                    && text
                        .split(['+', '-', ','])
                        .filter(|part| !part.is_empty())
                        .all(|part| lists(list, part))
            }
            Self::Rate => {
                text.len() <= 32
                    && text
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b"/.:_-".contains(&byte))
                    && !text.starts_with(['/', '-', '.'])
            }
            Self::Time => is_time(text),
            Self::KeyFrames => match text.strip_prefix("expr:") {
                Some(expression) => is_expression(expression),
                None => text.len() <= 1_024 && text.split(',').all(is_time),
            },
            Self::Map => is_map(text),
            Self::Metadata => is_metadata(text),
            Self::Params(keys) => text.split(':').all(|part| {
                let (key, value) = part.split_once('=').unwrap_or((part, "1"));
                lists(keys, key) && (is_word(value) || is_numbers(value))
            }),
            Self::Graph => return check_graph(text, policy).map_err(Bad::Filter),
        };
        if legal {
            Ok(text.to_owned())
        } else {
            Err(Bad::Value)
        }
    }

    /// What is allowed, in words.
    pub(super) fn describe(self) -> String {
        match self {
            Self::Flag => "no value".to_owned(),
            Self::Int(least, most) => format!("a whole number from {least} to {most}"),
            Self::Float(least, most) => format!("a number from {least} to {most}"),
            Self::Bitrate => "a number such as 400k, 2M or 128000".to_owned(),
            Self::Word => "a name of letters, digits and _.+-".to_owned(),
            Self::OneOf(list) => format!("one of {list}"),
            Self::SetOf(list) => format!("some of {list}, joined by +"),
            Self::Size => "a size such as 640x360 or hd720".to_owned(),
            Self::Rate => "a rate such as 25, 30000/1001 or 16:9".to_owned(),
            Self::Time => "a time such as 12.5 or 00:01:30".to_owned(),
            Self::KeyFrames => "times joined by commas, or expr: and an expression".to_owned(),
            Self::Map => {
                "streams of the input such as 0:v:0, or an output of filter_complex such as [v]"
                    .to_owned()
            }
            Self::Metadata => "key=text".to_owned(),
            Self::Params(keys) => format!("key=value joined by colons, with keys of {keys}"),
            Self::Graph => "filters; `nommer options` lists those that are allowed".to_owned(),
        }
    }
}

/// Whether a list of words has this one.
fn lists(list: &str, word: &str) -> bool {
    list.split_whitespace().any(|listed| listed == word)
}

/// Whether this can be an option's name at all.
pub(super) fn is_name(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=40).contains(&text.len()) && !text.starts_with('-') && text.bytes().all(legal)
}

/// `v`, `a:0`, `1`, or `s:v:0` as metadata has it; or none.
pub(super) fn is_specifier(text: &str) -> bool {
    let rest = text
        .strip_prefix("s:")
        .filter(|rest| !rest.bytes().next().is_none_or(|byte| byte.is_ascii_digit()));
    let mut parts = rest.unwrap_or(text).split(':');
    let number = |part: &str| {
        (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    match (parts.next(), parts.next(), parts.next()) {
        (Some("" | "v" | "a" | "s" | "g"), None, None) => true,
        (Some("v" | "a" | "s"), Some(index), None) | (Some(index), None, None) => number(index),
        _ => false,
    }
}

fn is_plain_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (1..=20).contains(&digits.len())
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn is_bitrate(text: &str) -> bool {
    let number = text.strip_suffix("bps").unwrap_or(text);
    let number = number
        .strip_suffix(['k', 'K', 'm', 'M', 'g', 'G'])
        .unwrap_or(number);
    is_plain_number(number) && !number.starts_with('-')
}

pub(super) fn is_word(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_.+-".contains(&byte);
    (1..=WORD_BYTES).contains(&text.len())
        && text.bytes().all(legal)
        && !text.contains("..")
        && (!text.starts_with('-') || is_plain_number(text))
}

/// `1,2` or `G(13250,34500)B(7500,3000)`: lists of numbers as x265 has them.
fn is_numbers(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_digit() || b",.()-GBRWPL|".contains(&byte);
    (1..=WORD_BYTES).contains(&text.len()) && text.bytes().all(legal)
}

fn is_time(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let number = ["ms", "us", "s"]
        .iter()
        .find_map(|unit| text.strip_suffix(unit))
        .unwrap_or(text);
    let legal = |byte: u8| byte.is_ascii_digit() || b".:;".contains(&byte);
    (1..=20).contains(&number.len())
        && number.bytes().all(legal)
        && number.bytes().any(|byte| byte.is_ascii_digit())
}

fn is_map(text: &str) -> bool {
    if let Some(label) = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    }
    let text = text.strip_prefix('-').unwrap_or(text);
    let text = text.strip_suffix('?').unwrap_or(text);
    text == "0"
        || text.strip_prefix("0:").is_some_and(|rest| {
            !rest.is_empty() && !rest.starts_with("s:") && is_specifier(rest) || is_indexed(rest)
        })
}

/// `s:0`: the first subtitle stream.
fn is_indexed(rest: &str) -> bool {
    rest.strip_prefix("s:").is_some_and(|index| {
        (1..=2).contains(&index.len()) && index.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn is_metadata(text: &str) -> bool {
    let Some((key, value)) = text.split_once('=') else {
        return false;
    };
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
    (1..=64).contains(&key.len()) && key.bytes().all(legal) && value.len() <= METADATA_BYTES
}
