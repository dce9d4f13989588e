//! The request of `POST /v1/jobs`. Unknown fields are refused, with the nearest known one.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{
    DEFAULT_MAX_ATTEMPTS, JobSpec, MOST_ATTEMPTS, PassSpec, SpecError, SpecRules,
    check::{self, Checked},
    extras, outputs, thumbnails,
};
use crate::{
    error::Code,
    extras::Extras,
    lane::PRIORITIES,
    nearest::nearest,
    notify::NotifyFormat,
    output::{Clip, OutputSpec, Thumbnails},
    presets::{self, Recipe},
};

/// The fields of a request.
const FIELDS: [&str; 23] = [
    "source_path",
    "dest_path",
    "preset",
    "job_options",
    "outputs",
    "clip",
    "thumbnails",
    "notify_url",
    "notify_format",
    "external_id",
    "metadata",
    "max_attempts",
    "max_cost_usd",
    "duration_seconds",
    "captions",
    "watermark",
    "overrides",
    "file_metadata",
    "storage",
    "score",
    "tags",
    "timeout_seconds",
    "priority",
];

/// Most entries of `metadata`.
const METADATA_ENTRIES: usize = 16;

/// Longest key or value of `metadata`, and longest `external_id`, in bytes.
const METADATA_BYTES: usize = 500;

/// Reads a body of `POST /v1/jobs`.
pub fn parse_v1(body: &Value, rules: &SpecRules) -> Result<Checked, SpecError> {
    let body = body
        .as_object()
        .ok_or_else(|| SpecError::invalid("", "the body must be a JSON object"))?;
    check::known_fields(body, "", &FIELDS)?;
    let (source_path, source) = check::source(check::text(body, "source_path")?, rules)?;
    let asked = asked(body, rules)?;
    let dest_path = check::text(body, "dest_path")?;
    let (dest_path, destination) = check::destination_of(dest_path, &asked, rules)?;
    let (notify, notify_secret) =
        check::notify(body.get("notify_url"), notify_format(body)?, rules)?;
    extras::fit_destination(&asked.extras, &dest_path)?;
    let spec = JobSpec {
        source_path,
        dest_path: Some(dest_path),
        preset: asked.preset,
        passes: asked.passes,
        outputs: asked.outputs,
        thumbnails: asked.thumbnails,
        clip: asked.clip,
        extras: asked.extras,
        notify,
        external_id: external_id(body)?,
        metadata: metadata(body)?,
        tags: tags(body)?,
        timeout_seconds: timeout_seconds(body)?,
        priority: priority(body)?,
        max_attempts: max_attempts(body)?,
        max_cost_usd: amount(body, "max_cost_usd", "US dollars")?,
        duration_seconds: amount(body, "duration_seconds", "seconds")?,
    };
    check::places(&spec, rules)?;
    Ok(Checked {
        spec,
        source,
        destination,
        notify: notify_secret,
    })
}

/// A request for an estimate.
#[derive(Clone, Debug, PartialEq)]
pub struct EstimateRequest {
    /// The FFmpeg runs, if it is written in FFmpeg's words.
    pub passes: Vec<PassSpec>,
    /// What is to be made, if not.
    pub outputs: Vec<OutputSpec>,
    /// Seconds of media in the source.
    pub duration_seconds: Option<f64>,
    /// Lines of its picture.
    pub height: Option<u32>,
}

/// Reads a body of `POST /v1/estimates`: a job's, of which only the passes are needed, and the picture's height.
pub fn parse_estimate(body: &Value, rules: &SpecRules) -> Result<EstimateRequest, SpecError> {
    let body = body
        .as_object()
        .ok_or_else(|| SpecError::invalid("", "the body must be a JSON object"))?;
    let fields: Vec<&str> = FIELDS.into_iter().chain(["height"]).collect();
    check::known_fields(body, "", &fields)?;
    let height = match body.get("height") {
        None | Some(Value::Null) => None,
        Some(value) => {
            let lines = value.as_u64().and_then(|lines| u32::try_from(lines).ok());
            let lines = lines.filter(|lines| (1..=65_536).contains(lines));
            Some(lines.ok_or_else(|| {
                SpecError::invalid("/height", "height must be a whole number from 1 to 65536")
            })?)
        }
    };
    let asked = asked(body, rules)?;
    Ok(EstimateRequest {
        passes: asked.passes,
        outputs: asked.outputs,
        duration_seconds: amount(body, "duration_seconds", "seconds")?,
        height,
    })
}

/// What is to be made, in FFmpeg's words or in ours.
pub(super) struct Asked {
    preset: Option<String>,
    passes: Vec<PassSpec>,
    pub(super) outputs: Vec<OutputSpec>,
    pub(super) thumbnails: Option<Thumbnails>,
    clip: Option<Clip>,
    pub(super) extras: Extras,
}

fn asked(body: &Map<String, Value>, rules: &SpecRules) -> Result<Asked, SpecError> {
    let given = |key: &&str| body.get(*key).is_some_and(|value| !value.is_null());
    let ways = ["preset", "outputs", "job_options"];
    let mut ways = ways.iter().filter(|key| given(key)).copied();
    let (way, other) = (ways.next(), ways.next());
    if let (Some(way), Some(other)) = (way, other) {
        let message = format!("give either {way} or {other}, not both");
        return Err(SpecError::invalid(format!("/{way}"), message));
    }
    let mut asked = Asked {
        preset: None,
        passes: Vec::new(),
        outputs: Vec::new(),
        thumbnails: thumbnails::thumbnails(body.get("thumbnails"))?,
        clip: outputs::clip(body.get("clip"))?,
        extras: Extras::default(),
    };
    match way {
        Some("preset") => {
            let (name, recipe) = recipe(body)?;
            asked.preset = Some(name);
            match recipe {
                Recipe::Passes(passes) => asked.passes = passes(),
                Recipe::Outputs(outputs) => asked.outputs = outputs(),
            }
        }
        Some("outputs") => asked.outputs = outputs::outputs(&body["outputs"])?,
        Some(_) => asked.passes = job_options(body, rules)?,
        None => {
            return Err(SpecError::invalid(
                "/preset",
                "give a preset, outputs, or job_options with FFmpeg options",
            ));
        }
    }
    asked.extras = extras::extras(body, &asked.outputs, rules)?;
    if asked.thumbnails.is_some() && asked.outputs.is_empty() {
        let message = "thumbnails are for outputs, and for presets that stand for some";
        return Err(SpecError::invalid("/thumbnails", message));
    }
    if asked.clip.is_some() && asked.outputs.is_empty() {
        let message = "clip is for outputs; in FFmpeg's words say it with ss and t";
        return Err(SpecError::invalid("/clip", message));
    }
    Ok(asked)
}

/// The preset that is named, with or without its version.
fn recipe(body: &Map<String, Value>) -> Result<(String, Recipe), SpecError> {
    let name = check::text(body, "preset")?;
    let preset = presets::find(name).ok_or_else(|| unknown_preset(name))?;
    Ok((preset.name.to_owned(), preset.recipe))
}

fn job_options(body: &Map<String, Value>, rules: &SpecRules) -> Result<Vec<PassSpec>, SpecError> {
    let Some(Value::Object(job_options)) = body.get("job_options") else {
        return Err(SpecError::invalid(
            "/job_options",
            "job_options must be an object with options and nommer",
        ));
    };
    check::known_job_options(job_options)?;
    check::job_options(job_options, rules)
}

fn unknown_preset(name: &str) -> SpecError {
    let names: Vec<&str> = presets::ALL.iter().map(|preset| preset.name).collect();
    let advice = nearest(name, &names).map_or_else(
        || format!("presets are {}", names.join(", ")),
        |near| format!("did you mean {near:?}?"),
    );
    SpecError::new(
        "/preset",
        Code::UnknownPreset,
        format!("there is no preset {name:?}; {advice}"),
    )
}

fn notify_format(body: &Map<String, Value>) -> Result<NotifyFormat, SpecError> {
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

fn external_id(body: &Map<String, Value>) -> Result<Option<String>, SpecError> {
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

fn metadata(body: &Map<String, Value>) -> Result<BTreeMap<String, String>, SpecError> {
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

fn max_attempts(body: &Map<String, Value>) -> Result<u32, SpecError> {
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

fn priority(body: &Map<String, Value>) -> Result<i8, SpecError> {
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

fn tags(body: &Map<String, Value>) -> Result<Vec<String>, SpecError> {
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

/// The longest time that a job may ask for: a year.
const LONGEST: u64 = 366 * 86_400;

fn timeout_seconds(body: &Map<String, Value>) -> Result<Option<u64>, SpecError> {
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
fn amount(body: &Map<String, Value>, field: &str, unit: &str) -> Result<Option<f64>, SpecError> {
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
