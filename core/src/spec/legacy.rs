//! The original's request: `source_path`, `dest_path`, `notify_url` and `job_options`, with its checks in its order.
//!
//! Unknown keys are ignored, as they were. What the original never checked is checked here, after its own checks.

use serde_json::{Map, Value};

use super::{DEFAULT_MAX_ATTEMPTS, JobSpec, SpecError, SpecRules, check, runs};
use crate::{extras::Extras, notify::NotifyFormat, spec::check::Checked};

/// Reads a body of the original's route.
pub fn parse_legacy(body: &Value, rules: &SpecRules) -> Result<Checked, SpecError> {
    let body = body
        .as_object()
        .ok_or_else(|| SpecError::invalid("", "the body must be a JSON object"))?;
    for key in ["source_path", "dest_path", "job_options"] {
        require(body, key, || {
            (
                format!("/{key}"),
                format!("Missing/invalid required key+val: ['{key}']"),
            )
        })?;
    }
    let job_options = body
        .get("job_options")
        .and_then(Value::as_object)
        .ok_or_else(|| {
            SpecError::invalid(
                "/job_options",
                "job_options must be an object with options and nommer",
            )
        })?;
    for key in ["options", "nommer"] {
        let message = format!("Missing/invalid required key+val: ['job_options'][{key}]");
        require(job_options, key, || {
            (format!("/job_options/{key}"), message)
        })?;
    }
    let (source_path, source) = check::source(check::text(body, "source_path")?, rules)?;
    let (dest_path, destination) = check::destination(check::text(body, "dest_path")?, rules)?;
    check::two_places(&source_path, &dest_path)?;
    check::unwatched(&dest_path, rules)?;
    let format = rules.legacy_notify_format.unwrap_or(NotifyFormat::Get);
    let (notify, notify_secret) = check::notify(body.get("notify_url"), format, rules)?;
    let spec = JobSpec {
        max_cost_usd: None,
        duration_seconds: None,
        source_path,
        dest_path: Some(dest_path),
        preset: None,
        passes: runs::job_options(job_options, rules)?,
        outputs: Vec::new(),
        thumbnails: None,
        clip: None,
        extras: Extras::default(),
        notify,
        external_id: None,
        metadata: std::collections::BTreeMap::default(),
        tags: Vec::new(),
        timeout_seconds: None,
        priority: 0,
        max_attempts: DEFAULT_MAX_ATTEMPTS,
    };
    Ok(Checked {
        spec,
        source,
        destination,
        notify: notify_secret,
    })
}

/// The original's test: the key is there and its value is true in Python's sense.
fn require(
    map: &Map<String, Value>,
    key: &str,
    refusal: impl FnOnce() -> (String, String),
) -> Result<(), SpecError> {
    let truthy = match map.get(key) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Bool(true)) => true,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        Some(Value::Object(entries)) => !entries.is_empty(),
    };
    if truthy {
        return Ok(());
    }
    let (pointer, message) = refusal();
    Err(SpecError::invalid(pointer, message))
}
