//! The original's `job_options`: FFmpeg runs in FFmpeg's own words.

use serde_json::{Map, Value};

use super::{MOST_PASSES, PassSpec, SpecError, SpecRules, check::known_fields};
use crate::{
    error::Code,
    options::{OptionError, Pair, Side, check_options},
};

/// The workflow that every job of ours runs, by its short name. The original's class path ends in the other.
const NOMMER: &str = "ffmpeg";
const NOMMER_CLASS: &str = "FFmpegNommer";

/// Refuses keys that mean nothing in `job_options` and its passes. The original ignored them.
pub(super) fn known_job_options(map: &Map<String, Value>) -> Result<(), SpecError> {
    known_fields(map, "/job_options", &["nommer", "options"])?;
    let passes = map
        .get("options")
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    for (number, pass) in passes.iter().enumerate() {
        if let Some(pass) = pass.as_object() {
            let fields = ["infile_options", "outfile_options", "move_atom_to_front"];
            known_fields(pass, &format!("/job_options/options/{number}"), &fields)?;
        }
    }
    Ok(())
}

/// The original's `job_options`: which workflow, and the passes.
pub(super) fn job_options(
    map: &Map<String, Value>,
    rules: &SpecRules,
) -> Result<Vec<PassSpec>, SpecError> {
    if let Some(nommer) = map.get("nommer") {
        let known = nommer
            .as_str()
            .is_some_and(|name| name == NOMMER || name.ends_with(NOMMER_CLASS));
        if !known {
            let message = format!("there is no nommer {nommer}; use \"{NOMMER}\"");
            return Err(SpecError::new(
                "/job_options/nommer",
                Code::UnknownNommer,
                message,
            ));
        }
    }
    let at = "/job_options/options";
    let passes = map
        .get("options")
        .and_then(Value::as_array)
        .ok_or_else(|| SpecError::invalid(at, "options must be a list of passes"))?;
    if !(1..=MOST_PASSES).contains(&passes.len()) {
        return Err(SpecError::invalid(
            at,
            format!("options must hold 1 to {MOST_PASSES} passes"),
        ));
    }
    passes
        .iter()
        .enumerate()
        .map(|(number, value)| pass(value, &format!("{at}/{number}"), rules))
        .collect()
}

fn pass(value: &Value, at: &str, rules: &SpecRules) -> Result<PassSpec, SpecError> {
    let map = value.as_object().ok_or_else(|| {
        SpecError::invalid(
            at,
            "a pass must be an object with outfile_options, infile_options, move_atom_to_front",
        )
    })?;
    let move_atom_to_front = match map.get("move_atom_to_front") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(wanted)) => *wanted,
        Some(_) => {
            let message = "move_atom_to_front must be true or false";
            return Err(SpecError::invalid(
                format!("{at}/move_atom_to_front"),
                message,
            ));
        }
    };
    Ok(PassSpec {
        infile_options: options(map, "infile_options", at, Side::Input, rules)?,
        outfile_options: options(map, "outfile_options", at, Side::Output, rules)?,
        move_atom_to_front,
    })
}

fn options(
    map: &Map<String, Value>,
    key: &str,
    parent: &str,
    side: Side,
    rules: &SpecRules,
) -> Result<Vec<Pair>, SpecError> {
    let at = format!("{parent}/{key}");
    let refuse = |error: &OptionError| SpecError::new(at.clone(), error.code(), error.to_string());
    let Some(value) = map.get(key) else {
        return Ok(Vec::new());
    };
    let pairs = Pair::list_from_json(value).map_err(|error| refuse(&error))?;
    check_options(&pairs, side, &rules.options).map_err(|error| refuse(&error))?;
    Ok(pairs)
}
