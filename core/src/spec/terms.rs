//! What a request says besides the media: names and notes of its own, how urgent it is, how long and how often it may be tried.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{DEFAULT_MAX_ATTEMPTS, MOST_ATTEMPTS, SpecError, check};
use crate::{lane::PRIORITIES, notify::NotifyFormat};

/// Most entries of `metadata`.
const METADATA_ENTRIES: usize = 16;

/// Longest key or value of `metadata`, and longest `external_id`, in bytes.
const METADATA_BYTES: usize = 500;

/// The longest time that a job may ask for: a year.
const LONGEST: u64 = 366 * 86_400;

pub(super) fn notify_format(body: &Map<String, Value>) -> Result<NotifyFormat, SpecError> {
    match body.get("notify_format") {
        None => Ok(NotifyFormat::Json),
        Some(Value::String(text)) if text == "json" => Ok(NotifyFormat::Json),
        Some(Value::String(text)) if text == "form" => Ok(NotifyFormat::Form),
        Some(Value::String(text)) if text == "get" => Ok(NotifyFormat::Get),
        Some(_) => Err(SpecError::invalid(
            "/notify_format",
            "notify_format must be \"json\", \"form\" or \"get\"",
        )),
    }
}

pub(super) fn external_id(body: &Map<String, Value>) -> Result<Option<String>, SpecError> {
    match body.get("external_id") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text))
            if (1..=METADATA_BYTES).contains(&text.len()) && printable(text) =>
        {
            Ok(Some(text.clone()))
        }
        Some(_) => Err(SpecError::invalid(
            "/external_id",
            format!(
                "external_id must be text of 1 to {METADATA_BYTES} bytes without control characters"
            ),
        )),
    }
}

pub(super) fn metadata(body: &Map<String, Value>) -> Result<BTreeMap<String, String>, SpecError> {
    let refusal = |pointer: &str| {
        let message = format!(
            "metadata must be an object of at most {METADATA_ENTRIES} texts of at most {METADATA_BYTES} bytes without control characters"
        );
        SpecError::invalid(pointer, message)
    };
    let entries = match body.get("metadata") {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(entries)) if entries.len() <= METADATA_ENTRIES => entries,
        Some(_) => return Err(refusal("/metadata")),
    };
    let fits = |text: &str| text.len() <= METADATA_BYTES && printable(text);
    entries
        .iter()
        .map(|(key, value)| match value {
            Value::String(text) if fits(key) && fits(text) => Ok((key.clone(), text.clone())),
            _ => Err(refusal(&check::pointer("/metadata", key))),
        })
        .collect()
}

pub(super) fn max_attempts(body: &Map<String, Value>) -> Result<u32, SpecError> {
    let Some(value) = body.get("max_attempts") else {
        return Ok(DEFAULT_MAX_ATTEMPTS);
    };
    value
        .as_u64()
        .and_then(|attempts| u32::try_from(attempts).ok())
        .filter(|attempts| (1..=MOST_ATTEMPTS).contains(attempts))
        .ok_or_else(|| {
            SpecError::invalid(
                "/max_attempts",
                format!("max_attempts must be a whole number from 1 to {MOST_ATTEMPTS}"),
            )
        })
}

pub(super) fn priority(body: &Map<String, Value>) -> Result<i8, SpecError> {
    let Some(value) = body.get("priority").filter(|value| !value.is_null()) else {
        return Ok(0);
    };
    let number = value.as_i64().and_then(|number| i8::try_from(number).ok());
    let number = number.filter(|number| PRIORITIES.contains(number));
    number.ok_or_else(|| {
        let (least, most) = (PRIORITIES.start(), PRIORITIES.end());
        let message = format!(
            "priority must be a whole number from {least} to {most}; below zero, the job waits until no other does"
        );
        SpecError::invalid("/priority", message)
    })
}

pub(super) fn tags(body: &Map<String, Value>) -> Result<Vec<String>, SpecError> {
    let fits = |text: &&str| (1..=METADATA_BYTES).contains(&text.len()) && printable(text);
    let words = |list: &Vec<Value>| -> Option<Vec<String>> {
        let words = list
            .iter()
            .map(|word| word.as_str().filter(fits).map(str::to_owned));
        words
            .collect::<Option<Vec<_>>>()
            .filter(|words| words.len() <= METADATA_ENTRIES)
    };
    let Some(value) = body.get("tags").filter(|value| !value.is_null()) else {
        return Ok(Vec::new());
    };
    value.as_array().and_then(words).ok_or_else(|| {
        let message = format!(
            "tags must be a list of at most {METADATA_ENTRIES} texts of 1 to {METADATA_BYTES} bytes without control characters"
        );
        SpecError::invalid("/tags", message)
    })
}

pub(super) fn timeout_seconds(body: &Map<String, Value>) -> Result<Option<u64>, SpecError> {
    let Some(value) = body.get("timeout_seconds").filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let seconds = value
        .as_u64()
        .filter(|seconds| (1..=LONGEST).contains(seconds));
    seconds.map(Some).ok_or_else(|| {
        let message = format!("timeout_seconds must be a whole number from 1 to {LONGEST}");
        SpecError::invalid("/timeout_seconds", message)
    })
}

/// A number above zero, where one is given.
pub(super) fn amount(
    body: &Map<String, Value>,
    field: &str,
    unit: &str,
) -> Result<Option<f64>, SpecError> {
    let Some(value) = body.get(field).filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    let number = value
        .as_f64()
        .filter(|number| number.is_finite() && *number > 0.0);
    number.map(Some).ok_or_else(|| {
        let message = format!("{field} must be a number of {unit} above zero");
        SpecError::invalid(format!("/{field}"), message)
    })
}

fn printable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}
