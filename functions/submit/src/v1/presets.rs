//! Presets: those that come with the system, and those of one's own, which are put, shown and deleted here.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use nommer_core::{
    api::PresetView,
    error::Code,
    ports::{Backend, PresetStore as _, ScaleSignal, StoreError, Version},
    presets::{self, ALL},
    spec::{Checked, SpecError},
    stored_preset::StoredPreset,
};
use serde_json::{Value, json};

use super::Ports;
use crate::{Submit, body::read_json, reply::Refusal};

/// How often a write is tried again when another one came between.
const TRIES: usize = 5;

pub(crate) async fn list<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
) -> Result<Json<Value>, Refusal> {
    let stored = submit.backend.store().presets().await?;
    let own = stored
        .into_iter()
        .map(|(preset, version)| PresetView::stored(preset, version));
    let data: Vec<PresetView> = ALL.iter().map(PresetView::of).chain(own).collect();
    Ok(Json(json!({"data": data, "next_cursor": null})))
}

pub(crate) async fn get<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Path(name): Path<String>,
) -> Result<Json<PresetView>, Refusal> {
    if let Some(preset) = presets::find(&name) {
        return Ok(Json(PresetView::of(preset)));
    }
    let (preset, version) = stored(&submit, &name)
        .await?
        .ok_or_else(|| missing(&name))?;
    Ok(Json(PresetView::stored(preset, version)))
}

pub(crate) async fn put<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Path(name): Path<String>,
    body: Body,
) -> Result<Response, Refusal> {
    let body = read_json(body).await?;
    let preset = StoredPreset::read(&name, &body, &submit.rules, Timestamp::now())?;
    for _ in 0..TRIES {
        let read = stored(&submit, &name).await?;
        let read = read.map_or(Version(0), |(_, version)| version);
        match submit.backend.store().put_preset(&preset, read).await {
            Err(StoreError::Conflict) => {}
            written => {
                let view = PresetView::stored(preset, written?);
                let status = if read == Version(0) {
                    StatusCode::CREATED
                } else {
                    StatusCode::OK
                };
                return Ok((status, Json(view)).into_response());
            }
        }
    }
    let message = format!("preset {name} is being written by others; try again");
    Err(Refusal::new(Code::Conflict, message))
}

pub(crate) async fn delete<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Path(name): Path<String>,
) -> Result<StatusCode, Refusal> {
    if presets::find(&name).is_some() {
        let message = format!("{name} comes with the system and cannot be deleted");
        return Err(Refusal::new(Code::Conflict, message));
    }
    stored(&submit, &name)
        .await?
        .ok_or_else(|| missing(&name))?;
    submit.backend.store().delete_preset(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn missing(name: &str) -> Refusal {
    let name: String = name.chars().take(64).collect();
    Refusal::new(Code::NotFound, format!("there is no preset {name:?}"))
}

async fn stored<B: Backend, W>(
    submit: &Submit<B, W>,
    name: &str,
) -> Result<Option<(StoredPreset, Version)>, StoreError> {
    let all = submit.backend.store().presets().await?;
    Ok(all.into_iter().find(|(preset, _)| preset.name == name))
}

/// A preset of one's own that a request names, and what jobs remember it by; none if it names one of the system's, or none.
#[derive(Debug, Default)]
pub(crate) struct Named(Option<String>);

/// A stored preset at its version.
pub(super) type Stored = (StoredPreset, Version);

/// Puts the preset of one's own that a request names, if it does, into the request. With its version, it must be the one that is stored.
pub(crate) async fn fill_in<B: Backend, W>(
    submit: &Submit<B, W>,
    body: &mut Value,
) -> Result<Named, Refusal> {
    let named = body.get("preset").and_then(Value::as_str);
    let stored = match named.map(|named| named.split('@').next().unwrap_or(named)) {
        Some(name) if presets::find(name).is_none() => submit.backend.store().presets().await?,
        Some(_) | None => Vec::new(),
    };
    Ok(fill_in_from(&stored, body)?)
}

/// The same, from presets that were read before.
pub(super) fn fill_in_from(stored: &[Stored], body: &mut Value) -> Result<Named, SpecError> {
    let Some(named) = body.get("preset").and_then(Value::as_str) else {
        return Ok(Named::default());
    };
    let (name, wanted) = named.split_once('@').unwrap_or((named, ""));
    let found = stored.iter().find(|(preset, _)| preset.name == name);
    let Some((preset, version)) = found else {
        return Ok(Named::default());
    };
    if !wanted.is_empty() && wanted != version.0.to_string() {
        let message = format!("preset {name} is at version {}", version.0);
        return Err(SpecError::new("/preset", Code::UnknownPreset, message));
    }
    for way in ["outputs", "job_options"] {
        if body.get(way).is_some_and(|value| !value.is_null()) {
            let message = format!("give either preset or {way}, not both");
            return Err(SpecError::new("/preset", Code::InvalidSpec, message));
        }
    }
    let remembered = format!("{name}@{}", version.0);
    *body = preset.applied_to(body);
    Ok(Named(Some(remembered)))
}

impl Named {
    /// The request with the preset's name.
    pub(crate) fn remembered(self, mut checked: Checked) -> Checked {
        if self.0.is_some() {
            checked.spec.preset = self.0;
        }
        checked
    }
}
