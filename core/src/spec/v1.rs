//! The request of `POST /v1/jobs`. Unknown fields are refused, with the nearest known one.

use serde_json::{Map, Value};

use super::{
    JobSpec, PassSpec, SpecError, SpecRules,
    check::{self, Checked},
    extras, outputs, runs, terms, thumbnails,
};
use crate::{
    error::Code,
    extras::Extras,
    nearest::nearest,
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
        check::notify(body.get("notify_url"), terms::notify_format(body)?, rules)?;
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
        external_id: terms::external_id(body)?,
        metadata: terms::metadata(body)?,
        tags: terms::tags(body)?,
        timeout_seconds: terms::timeout_seconds(body)?,
        priority: terms::priority(body)?,
        max_attempts: terms::max_attempts(body)?,
        max_cost_usd: terms::amount(body, "max_cost_usd", "US dollars")?,
        duration_seconds: terms::amount(body, "duration_seconds", "seconds")?,
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
        duration_seconds: terms::amount(body, "duration_seconds", "seconds")?,
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
    runs::known_job_options(job_options)?;
    runs::job_options(job_options, rules)
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
