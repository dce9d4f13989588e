//! Presets of one's own: a part of a job under a name, put into requests that name it.
//!
//! Jobs keep what they were made of: a preset that changes or goes changes no job.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    error::Code,
    presets,
    spec::{SpecError, SpecRules, parse_v1},
};

/// Longest name, in bytes.
const NAME_BYTES: usize = 64;

/// Longest description, in bytes.
const DESCRIPTION_BYTES: usize = 500;

/// What a preset may hold of a job.
const FIELDS: [&str; 9] = [
    "outputs",
    "job_options",
    "thumbnails",
    "watermark",
    "overrides",
    "file_metadata",
    "storage",
    "timeout_seconds",
    "max_attempts",
];

/// A preset as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredPreset {
    /// What jobs name.
    pub name: String,
    /// What it makes.
    pub description: String,
    /// Fields of a job, as a request has them.
    pub job: Map<String, Value>,
    /// When it was written.
    pub updated_at: Timestamp,
}

impl StoredPreset {
    /// Reads the body of `PUT /v1/presets/{name}`: `description` and `job`, which must be the part of a job that would be taken.
    pub fn read(
        name: &str,
        body: &Value,
        rules: &SpecRules,
        now: Timestamp,
    ) -> Result<Self, SpecError> {
        check_name(name)?;
        let refuse = |at: &str, message: &str| SpecError::new(at, Code::InvalidSpec, message);
        let fields = body.as_object().ok_or_else(|| {
            refuse(
                "",
                "the body must be a JSON object with description and job",
            )
        })?;
        if let Some(key) = fields
            .keys()
            .find(|key| !matches!(key.as_str(), "description" | "job"))
        {
            return Err(refuse(
                &format!("/{key}"),
                "the fields are description and job",
            ));
        }
        let description = match fields.get("description") {
            None | Some(Value::Null) => "",
            Some(Value::String(text))
                if text.len() <= DESCRIPTION_BYTES && !text.chars().any(char::is_control) =>
            {
                text
            }
            Some(_) => {
                let message = format!(
                    "description must be text of at most {DESCRIPTION_BYTES} bytes without control characters"
                );
                return Err(refuse("/description", &message));
            }
        };
        let form = format!("job must be an object with {}", FIELDS.join(", "));
        let job = fields.get("job").and_then(Value::as_object);
        let job = job.ok_or_else(|| refuse("/job", &form))?;
        if let Some(key) = job.keys().find(|key| !FIELDS.contains(&key.as_str())) {
            return Err(refuse(&format!("/job/{key}"), &form));
        }
        let preset = Self {
            name: name.to_owned(),
            description: description.to_owned(),
            job: job.clone(),
            updated_at: now,
        };
        preset.check(rules)?;
        Ok(preset)
    }

    /// Checks the job as if it was submitted.
    fn check(&self, rules: &SpecRules) -> Result<(), SpecError> {
        let folder =
            json!({"source_path": "s3://preset-in/a.mov", "dest_path": "s3://preset-out/a/"});
        let file =
            json!({"source_path": "s3://preset-in/a.mov", "dest_path": "s3://preset-out/a.mp4"});
        let whole = if self.job.contains_key("outputs") {
            folder
        } else {
            file
        };
        parse_v1(&self.applied_to(&whole), rules).map_err(|refused| SpecError {
            pointer: format!("/job{}", refused.pointer),
            ..refused
        })?;
        Ok(())
    }

    /// The request with what it does not say itself, and without the preset's name.
    #[must_use]
    pub fn applied_to(&self, body: &Value) -> Value {
        let mut whole = self.job.clone();
        for (key, value) in body.as_object().into_iter().flatten() {
            if key != "preset" && !value.is_null() {
                whole.insert(key.clone(), value.clone());
            }
        }
        Value::Object(whole)
    }
}

/// Checks that a preset of one's own can be called so.
pub fn check_name(name: &str) -> Result<(), SpecError> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let refuse = |message: String| SpecError::new("/name", Code::InvalidSpec, message);
    if !(1..=NAME_BYTES).contains(&name.len()) || !name.bytes().all(letter) || name.starts_with('-')
    {
        return Err(refuse(format!(
            "a preset's name must be 1 to {NAME_BYTES} of a-z, 0-9 and -, and not begin with -"
        )));
    }
    if presets::find(name).is_some() {
        return Err(refuse(format!(
            "{name} is a preset that comes with the system; choose another name"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, body: &Value) -> Result<StoredPreset, SpecError> {
        StoredPreset::read(name, body, &SpecRules::default(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_preset_fills_in_what_a_request_does_not_say() {
        let job = json!({"outputs": [{"container": "webm"}], "storage": {"acl": "private"}});
        let preset = read("house", &json!({"description": "ours", "job": job})).unwrap();
        let body = json!({"preset": "house", "source_path": "s3://in/a", "storage": {"acl": "public-read"}, "clip": null});
        assert_eq!(
            preset.applied_to(&body),
            json!({"outputs": [{"container": "webm"}], "source_path": "s3://in/a", "storage": {"acl": "public-read"}})
        );
    }

    #[test]
    fn what_no_job_could_be_made_of_is_refused_with_its_place() {
        let cases = [
            ("copy", json!({"job": {"outputs": [{}]}}), "/name"),
            ("Big", json!({"job": {"outputs": [{}]}}), "/name"),
            (
                "house",
                json!({"job": {"outputs": [{"container": "avi"}]}}),
                "/job/outputs/0/container",
            ),
            (
                "house",
                json!({"job": {"source_path": "s3://a/b"}}),
                "/job/source_path",
            ),
            ("house", json!({"job": {}}), "/job/preset"),
            ("house", json!({"jobs": {}}), "/jobs"),
            (
                "house",
                json!({"description": 1, "job": {"outputs": [{}]}}),
                "/description",
            ),
        ];
        for (name, body, pointer) in cases {
            assert_eq!(read(name, &body).unwrap_err().pointer, pointer, "{body}");
        }
        let options = json!({"options": [{"outfile_options": [["c:v", "libx264"], ["f", "mp4"]]}]});
        read("house", &json!({"job": {"job_options": options}})).unwrap();
    }
}
