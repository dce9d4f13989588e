//! Checks that both request shapes share. Each names the field it refuses.

use serde_json::{Map, Value};

use super::{JobSpec, SpecError, SpecRules, v1::Asked};
use crate::{
    nearest::nearest,
    notify::{NotifyFormat, NotifyTarget},
    output::Container,
    secret::Secret,
    uri::{MediaUri, NotifyUrl, UriError},
    watch::watching,
};

/// A checked request, and the secrets that were taken out of its addresses.
#[derive(Debug)]
pub struct Checked {
    /// What was asked for.
    pub spec: JobSpec,
    /// Secret part of the source address.
    pub source: Option<Secret>,
    /// Secret part of the destination address.
    pub destination: Option<Secret>,
    /// Secret part of the notify URL.
    pub notify: Option<Secret>,
}

/// A JSON pointer to `key` under `parent`.
pub(super) fn pointer(parent: &str, key: &str) -> String {
    format!("{parent}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Refuses keys that mean nothing here.
pub(super) fn known_fields(
    map: &Map<String, Value>,
    parent: &str,
    fields: &[&str],
) -> Result<(), SpecError> {
    let Some(unknown) = map.keys().find(|key| !fields.contains(&key.as_str())) else {
        return Ok(());
    };
    let advice = nearest(unknown, fields).map_or_else(
        || format!("fields are {}", fields.join(", ")),
        |near| format!("did you mean {near:?}?"),
    );
    Err(SpecError::invalid(
        pointer(parent, unknown),
        format!("there is no field {unknown:?}; {advice}"),
    ))
}

/// A field that must be text.
pub(super) fn text<'a>(map: &'a Map<String, Value>, key: &str) -> Result<&'a str, SpecError> {
    match map.get(key) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(SpecError::invalid(
            format!("/{key}"),
            format!("{key} must be text"),
        )),
        None => Err(SpecError::invalid(
            format!("/{key}"),
            format!("{key} is missing"),
        )),
    }
}

/// The source address, and its secret part.
pub(super) fn source(
    text: &str,
    rules: &SpecRules,
) -> Result<(MediaUri, Option<Secret>), SpecError> {
    let refuse = |error: UriError| {
        SpecError::new(
            "/source_path",
            error.code(),
            format!("source_path: {error}"),
        )
    };
    MediaUri::parse_source(text, &rules.uris)
        .map(MediaUri::split_secret)
        .map_err(refuse)
}

/// The destination address, and its secret part.
pub(super) fn destination(
    text: &str,
    rules: &SpecRules,
) -> Result<(MediaUri, Option<Secret>), SpecError> {
    let refuse =
        |error: UriError| SpecError::new("/dest_path", error.code(), format!("dest_path: {error}"));
    MediaUri::parse_destination(text, &rules.uris)
        .map(MediaUri::split_secret)
        .map_err(refuse)
}

/// The destination of `outputs`: a folder, or the file of one output that is a file.
pub(super) fn destination_of(
    text: &str,
    asked: &Asked,
    rules: &SpecRules,
) -> Result<(MediaUri, Option<Secret>), SpecError> {
    let outputs = asked.outputs.as_slice();
    if !text.ends_with('/') {
        let file = matches!(outputs, [output] if !output.container.packaged());
        let lonely = file && asked.thumbnails.is_none() && asked.extras.sidecars().next().is_none();
        if outputs.is_empty() || lonely {
            let (place, secret) = destination(text, rules)?;
            if let [output] = outputs {
                fits_name(output.container, &place)?;
            }
            return Ok((place, secret));
        }
        let message =
            "dest_path must be a folder and end in `/`: there is more than one file to write";
        return Err(SpecError::invalid("/dest_path", message));
    }
    if outputs.is_empty() {
        return destination(text, rules);
    }
    let refuse =
        |error: UriError| SpecError::new("/dest_path", error.code(), format!("dest_path: {error}"));
    MediaUri::parse_folder(text, &rules.uris)
        .map(MediaUri::split_secret)
        .map_err(refuse)
}

/// Refuses a name that promises another container. Names that promise nothing are let in.
fn fits_name(container: Container, place: &MediaUri) -> Result<(), SpecError> {
    let extension = place.extension().unwrap_or_default().to_lowercase();
    let own = container.extensions().contains(&extension.as_str());
    let Some(other) = Container::of_extension(&extension).filter(|_| !own) else {
        return Ok(());
    };
    let (own, other) = (container.extension(), other.extension());
    let message =
        format!("dest_path: its name ends in .{extension}, and the output's container is {own}");
    let hint = format!("name the file .{own}, or ask for \"container\": \"{other}\"");
    let refused = SpecError::invalid("/dest_path", message);
    Err(SpecError {
        error: refused.error.with_hint(hint),
        ..refused
    })
}

/// Every output lies where files are served, and none is the source.
pub(super) fn places(spec: &JobSpec, rules: &SpecRules) -> Result<(), SpecError> {
    let places = spec.dest_path.as_ref();
    let places = places.map_or_else(Vec::new, |destination| spec.places(destination));
    for (number, place) in places.iter().enumerate() {
        if places[..number]
            .iter()
            .any(|other| other.identity() == place.identity())
        {
            let message = format!("dest_path: two outputs would be written to {place}");
            return Err(SpecError::invalid("/outputs", message));
        }
        two_places(&spec.source_path, place)?;
        unwatched(place, rules)?;
        let beside = spec.extras.captions.iter().map(|one| &one.source_path);
        let beside = beside.chain(spec.extras.watermark.iter().map(|mark| &mark.source_path));
        for read in beside {
            two_places(read, place)?;
        }
        if place.path().is_some_and(|path| !rules.uris.serves(path)) {
            let message = format!("dest_path: {place} is outside the folders that are served");
            return Err(SpecError::invalid("/dest_path", message));
        }
    }
    Ok(())
}

/// What is written to a watched place would become a job.
pub(super) fn unwatched(destination: &MediaUri, rules: &SpecRules) -> Result<(), SpecError> {
    let Some(rule) = watching(&rules.watch, &destination.identity()) else {
        return Ok(());
    };
    let message = format!(
        "dest_path lies under {}, which is watched: its outputs would become jobs",
        rule.from
    );
    let refused = SpecError::invalid("/dest_path", message);
    let hint = "write somewhere else; below a watched folder, that is where its rule writes to";
    Err(SpecError {
        error: refused.error.with_hint(hint),
        ..refused
    })
}

/// A job must not write over what it reads: a second attempt would read its own output.
pub(super) fn two_places(source: &MediaUri, destination: &MediaUri) -> Result<(), SpecError> {
    if source.identity() == destination.identity() {
        return Err(SpecError::invalid(
            "/dest_path",
            "dest_path: it is the source itself; write somewhere else",
        ));
    }
    Ok(())
}

/// The notify URL if there is one, and its secret part.
pub(super) fn notify(
    value: Option<&Value>,
    format: NotifyFormat,
    rules: &SpecRules,
) -> Result<(Option<NotifyTarget>, Option<Secret>), SpecError> {
    let text = match value {
        None | Some(Value::Null) => return Ok((None, None)),
        Some(Value::String(text)) if text.is_empty() => return Ok((None, None)),
        Some(Value::String(text)) => text,
        Some(_) => return Err(SpecError::invalid("/notify_url", "notify_url must be text")),
    };
    let refuse = |error: UriError| {
        SpecError::new("/notify_url", error.code(), format!("notify_url: {error}"))
    };
    let (url, secret) = NotifyUrl::parse(text, &rules.network)
        .map_err(refuse)?
        .split_secret();
    Ok((Some(NotifyTarget { url, format }), secret))
}
