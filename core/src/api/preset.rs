//! What `/v1` shows of presets. Additive changes only.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    output::OutputSpec, ports::Version, presets::Preset, spec::PassSpec,
    stored_preset::StoredPreset,
};

/// A preset: one that comes with the system, or one of one's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PresetView {
    /// What jobs name.
    pub name: String,
    /// Grows whenever what it makes changes.
    pub version: u64,
    /// What it makes.
    pub description: String,
    /// The FFmpeg runs, of one that is written in FFmpeg's words.
    #[serde(default)]
    pub passes: Vec<PassSpec>,
    /// The outputs, of one of the system's that is not.
    #[serde(default)]
    pub outputs: Vec<OutputSpec>,
    /// Of one of one's own: the fields that it puts into requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<super::request::JobPart>, nullable = false))]
    pub job: Option<Map<String, Value>>,
    /// Of one of one's own: when it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(nullable = false))]
    pub updated_at: Option<Timestamp>,
}

impl PresetView {
    /// One that comes with the system.
    pub fn of(preset: &Preset) -> Self {
        Self {
            name: preset.name.to_owned(),
            version: u64::from(preset.version),
            description: preset.description.to_owned(),
            passes: preset.passes(),
            outputs: preset.outputs(),
            job: None,
            updated_at: None,
        }
    }

    /// One of one's own, at this version.
    pub fn stored(preset: StoredPreset, version: Version) -> Self {
        Self {
            name: preset.name,
            version: version.0,
            description: preset.description,
            passes: Vec::new(),
            outputs: Vec::new(),
            job: Some(preset.job),
            updated_at: Some(preset.updated_at),
        }
    }
}
