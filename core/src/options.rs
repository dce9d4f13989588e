//! Which FFmpeg options a job may use, and with which values. What is not listed is refused: a list of what is bad could never be
//! complete, since FFmpeg accepts prefixes and aliases of thousands of names.
//!
//! Names are first brought to one spelling (`vcodec` → `c:v`), and names that FFmpeg has dropped since 2012 to what replaced
//! them, with a warning. Filters are parsed, checked one by one and written anew; the caller's own text never reaches FFmpeg.

mod rewrite;
mod table;
mod value;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::{
    error::{Code, Warning},
    filtergraph::{self, Graph},
    nearest::nearest,
    settings::Settings,
};

pub use table::{Entry, Side, allowed_options};

/// Most options on one side of one pass.
const MOST_PAIRS: usize = 200;

/// Longest value, in bytes.
const MOST_BYTES: usize = 4_096;

/// One option: its name without the dash, and its value if it takes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pair {
    /// The name.
    pub name: String,
    /// The value; none for a flag.
    pub value: Option<String>,
}

impl Pair {
    /// An option with a value.
    pub fn new(name: &str, value: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: Some(value.to_owned()),
        }
    }

    /// An option without one.
    pub fn flag(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: None,
        }
    }

    /// Reads the original's list of pairs: `[["vcodec", "libx264"], ["an", null]]`.
    ///
    /// As in the original, null, an empty text, list or object mean a flag, and 0 is a value. `false` means a flag and `true`
    /// means 1, where the original wrote Python's words for them.
    pub fn list_from_json(value: &Json) -> Result<Vec<Self>, OptionError> {
        let form = "options must be a list of pairs such as [\"vcodec\", \"libx264\"]";
        let items = match value {
            Json::Null => return Ok(Vec::new()),
            Json::Array(items) => items,
            Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Object(_) => {
                return Err(OptionError::spec(form));
            }
        };
        if items.len() > MOST_PAIRS {
            return Err(OptionError::spec(format!("more than {MOST_PAIRS} options")));
        }
        items
            .iter()
            .map(|item| match item.as_array().map(Vec::as_slice) {
                Some([Json::String(name), value]) => Ok(Self {
                    name: name.clone(),
                    value: text_of(name, value)?,
                }),
                _ => Err(OptionError::spec(form)),
            })
            .collect()
    }
}

fn text_of(name: &str, value: &Json) -> Result<Option<String>, OptionError> {
    match value {
        Json::Null | Json::Bool(false) => Ok(None),
        Json::Bool(true) => Ok(Some("1".to_owned())),
        Json::Number(number) => Ok(Some(number.to_string())),
        Json::String(text) => Ok((!text.is_empty()).then(|| text.clone())),
        Json::Array(items) if items.is_empty() => Ok(None),
        Json::Object(entries) if entries.is_empty() => Ok(None),
        Json::Array(_) | Json::Object(_) => Err(OptionError::option(
            name,
            "its value must be text, a number, true, false or null",
        )),
    }
}

/// What the operator lets in beside the list, knowingly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OptionPolicy {
    /// Names of options, without a stream specifier. Their values are not looked at but for control characters.
    pub extra_options: Vec<String>,
    /// Names of filters. Their options are not looked at.
    pub extra_filters: Vec<String>,
}

impl From<&Settings> for OptionPolicy {
    fn from(settings: &Settings) -> Self {
        Self {
            extra_options: settings.ffmpeg.extra_options.clone(),
            extra_filters: settings.ffmpeg.extra_filters.clone(),
        }
    }
}

/// Options as they go to FFmpeg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedOptions {
    /// The options, in order.
    pub args: Vec<Pair>,
    /// What was rewritten.
    pub warnings: Vec<Warning>,
}

/// Why an option was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct OptionError {
    code: Code,
    message: String,
}

impl OptionError {
    fn spec(message: impl Into<String>) -> Self {
        Self {
            code: Code::InvalidSpec,
            message: message.into(),
        }
    }

    fn option(name: &str, problem: impl std::fmt::Display) -> Self {
        let name: String = name.chars().take(60).collect();
        Self {
            code: Code::OptionNotAllowed,
            message: format!("option {name:?}: {problem}"),
        }
    }

    /// The stable code: `option_not_allowed`, `unsupported_filter` or `invalid_spec`.
    pub fn code(&self) -> Code {
        self.code
    }
}

/// Checks the options of one side of a pass, and brings them to the form in which FFmpeg gets them.
pub fn check_options(
    pairs: &[Pair],
    side: Side,
    policy: &OptionPolicy,
) -> Result<CheckedOptions, OptionError> {
    if pairs.len() > MOST_PAIRS {
        return Err(OptionError::spec(format!("more than {MOST_PAIRS} options")));
    }
    let rewritten = rewrite::rewrite(pairs);
    let args = rewritten
        .pairs
        .iter()
        .map(|pair| check(pair, side, policy))
        .collect::<Result<_, _>>()?;
    Ok(CheckedOptions {
        args,
        warnings: rewritten.warnings,
    })
}

fn check(pair: &Pair, side: Side, policy: &OptionPolicy) -> Result<Pair, OptionError> {
    let refuse = |problem: String| OptionError::option(&pair.name, problem);
    let text = pair.value.as_deref().unwrap_or("");
    if text.len() > MOST_BYTES || text.chars().any(char::is_control) {
        return Err(refuse(format!(
            "its value is longer than {MOST_BYTES} bytes or holds control characters"
        )));
    }
    let (base, specifier) = pair.name.split_once(':').unwrap_or((&pair.name, ""));
    if !value::is_specifier(specifier) {
        return Err(refuse(
            "its stream specifier is not allowed: use :v, :a or :s and a number".to_owned(),
        ));
    }
    if policy.extra_options.iter().any(|extra| extra == base) && value::is_name(base) {
        return Ok(pair.clone());
    }
    let Some(entry) = table::find(base, side) else {
        return Err(refuse(unknown(base, side)));
    };
    let value = match (entry.kind.is_flag(), &pair.value) {
        (true, None) => None,
        // An empty flag may also be written with 1.
        (true, Some(one)) if one == "1" => None,
        (true, Some(_)) => return Err(refuse("it takes no value".to_owned())),
        (false, None) => {
            return Err(refuse(format!(
                "it needs a value: {}",
                entry.kind.describe()
            )));
        }
        (false, Some(text)) => Some(entry.kind.check(text, policy).map_err(|bad| match bad {
            value::Bad::Value => refuse(format!(
                "{text:?} is not allowed: {}",
                entry.kind.describe()
            )),
            value::Bad::Filter(error) => OptionError {
                code: Code::UnsupportedFilter,
                message: error.to_string(),
            },
        })?),
    };
    Ok(Pair {
        name: pair.name.clone(),
        value,
    })
}

fn unknown(base: &str, side: Side) -> String {
    let names: Vec<&str> = allowed_options()
        .filter(|entry| entry.side == side)
        .map(|entry| entry.name)
        .collect();
    if allowed_options().any(|entry| entry.name == base) {
        return format!(
            "it is not allowed {}",
            if side == Side::Input {
                "before the input"
            } else {
                "before the output"
            }
        );
    }
    match nearest(base, &names) {
        Some(near) => format!("it is not on the list of allowed options; did you mean {near:?}?"),
        None => "it is not on the list of allowed options; `nommer options` shows them".to_owned(),
    }
}

/// A filtergraph, checked and written anew.
fn check_graph(text: &str, policy: &OptionPolicy) -> Result<String, filtergraph::FilterError> {
    let graph = Graph::parse(text)?;
    graph
        .checked(&policy.extra_filters)
        .map(|graph| graph.to_string())
}

#[cfg(test)]
mod commands;
#[cfg(test)]
mod tests;
