//! Settings from their layers, later ones over earlier: defaults, `/etc/nommer/nommer.toml`, `nommer.toml` in the user's
//! configuration folder, `./nommer.toml`, the environment (`NOMMER_FLEET__MAX`), flags.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use figment::{
    Figment, Metadata, Source,
    error::Kind,
    providers::{Env, Format as _, Serialized, Toml},
};
use nommer_core::{nearest::nearest, settings::Settings};
use serde_json::json;

use crate::{
    args::Common,
    failure::Failure,
    output::{Output, table},
};

/// What every variable of ours begins with.
const PREFIX: &str = "NOMMER_";

/// Between the table and the key in a variable's name. Variables without it are not settings.
const SEPARATOR: &str = "__";

/// The settings, and the data folder that they amount to.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) settings: Settings,
    pub(crate) data_dir: PathBuf,
}

impl Config {
    /// Reads all layers.
    pub(crate) fn load(common: &Common) -> Result<Self, Failure> {
        let mut settings: Settings = layers().extract().map_err(|error| explain(&error))?;
        settings
            .validate()
            .map_err(|error| Failure::usage(error.to_string()))?;
        if let Some(dir) = &common.data_dir {
            settings.local.data_dir = Some(dir.clone());
        }
        let data_dir = match &settings.local.data_dir {
            Some(dir) => std::path::absolute(dir).map_err(|error| {
                Failure::usage(format!("local.data_dir {}: {error}", dir.display()))
            })?,
            None => default_data_dir()?,
        };
        settings.local.data_dir = Some(data_dir.clone());
        Ok(Self { settings, data_dir })
    }
}

fn layers() -> Figment {
    let system = Some(PathBuf::from("/etc/nommer"));
    let user = user_folder("XDG_CONFIG_HOME", ".config").map(|folder| folder.join("nommer"));
    let here = std::env::current_dir().ok();
    let defaults = Figment::from(Serialized::defaults(Settings::local()));
    // A file that is not there is an empty layer. Whole paths, because a bare name would be looked for in parent folders too.
    let files = [system, user, here]
        .into_iter()
        .flatten()
        .map(|folder| Toml::file(folder.join("nommer.toml")));
    let environment = Env::prefixed(PREFIX)
        .filter(|key| key.as_str().contains(SEPARATOR))
        .split(SEPARATOR);
    files.fold(defaults, Figment::merge).merge(environment)
}

/// A folder after the XDG base directory specification.
fn user_folder(variable: &str, under_home: &str) -> Option<PathBuf> {
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let named = std::env::var_os(variable)
        .map(PathBuf::from)
        .and_then(absolute);
    named.or_else(|| std::env::home_dir().map(|home| home.join(under_home)))
}

fn default_data_dir() -> Result<PathBuf, Failure> {
    user_folder("XDG_DATA_HOME", ".local/share")
        .map(|folder| folder.join("nommer"))
        .ok_or_else(|| {
            Failure::usage("there is no home folder to keep data in")
                .hint("give one with --data-dir")
        })
}

/// Names the setting, where it came from, and the nearest setting that exists.
fn explain(error: &figment::Error) -> Failure {
    let origin = error
        .metadata
        .as_ref()
        .map(|metadata| match &metadata.source {
            Some(source) => format!(" ({source})"),
            None => format!(" ({})", metadata.name),
        });
    let origin = origin.unwrap_or_default();
    let path = error.path.join(".");
    if let Kind::UnknownField(name, fields) = &error.kind {
        let failure = Failure::usage(format!("there is no setting {path}{origin}"));
        return match nearest(name, fields) {
            Some(near) => failure.hint(format!("did you mean {near}?")),
            None => failure.hint(format!("settings here are {}", fields.join(", "))),
        };
    }
    Failure::usage(format!("setting {path}{origin}: {}", error.kind))
}

/// Prints the settings; or lists each with its value and the layer that has the last word on it.
pub(crate) fn show(config: &Config, origins: bool, output: Output) -> Result<(), Failure> {
    if !origins {
        return Ok(output.json(&config.settings)?);
    }
    let all = serde_json::to_value(&config.settings).context("list the settings")?;
    let layers = layers();
    let mut rows = vec![["SETTING", "VALUE", "ORIGIN"].map(str::to_owned).to_vec()];
    for (table, settings) in all.as_object().into_iter().flatten() {
        let named = settings.as_object().into_iter().flatten();
        let named = named.map(|(key, value)| (format!("{table}.{key}"), value));
        // A list of tables comes from one layer.
        let list = settings.as_array().map(|_list| (table.clone(), settings));
        for (name, value) in named.chain(list) {
            let found = layers.find_metadata(&name);
            let origin = found.map_or_else(|| "default".to_owned(), origin);
            if output.json {
                output.json(&json!({"setting": name, "value": value, "origin": origin}))?;
            }
            rows.push(vec![name, value.to_string(), origin]);
        }
    }
    if !output.json {
        output.data(table(&rows));
    }
    Ok(())
}

/// A layer in words.
fn origin(metadata: &Metadata) -> String {
    match &metadata.source {
        Some(Source::File(path)) => path.display().to_string(),
        Some(Source::Code(_)) => "default".to_owned(),
        _ if metadata.name.contains("environment") => "environment".to_owned(),
        _ => metadata.name.to_string(),
    }
}

/// A path of the user's as a `file://` address. An address stays as it is.
pub(crate) fn address(text: &str) -> Result<String, Failure> {
    if text.contains("://") {
        return Ok(text.to_owned());
    }
    let path = std::path::absolute(Path::new(text))
        .map_err(|error| Failure::usage(format!("{text}: {error}")))?;
    let path = path
        .to_str()
        .ok_or_else(|| Failure::usage(format!("{} is not UTF-8 text", path.display())))?;
    Ok(format!("file://{path}"))
}
