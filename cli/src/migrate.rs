//! `nommer migrate`: the original's `nomconf.py` as settings of today.
//!
//! The file is read as text and never executed. Keys are never copied: the user is told to rotate them, since the original wrote
//! them into the user data of its instances.

mod mapping;
mod python;

use anyhow::Context as _;
use std::{collections::BTreeMap, path::Path};

use crate::{failure::Failure, output::Output};
use mapping::{MAPPINGS, Target};
use python::Value;

pub(crate) fn run(file: &Path, output: Output) -> Result<(), Failure> {
    if !file.exists() {
        return Err(Failure::not_found(format!(
            "there is no file {}",
            file.display()
        )));
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    let settings = python::assignments(&text);
    if settings.is_empty() {
        return Err(Failure::usage(format!(
            "{} holds no setting of media-nommer",
            file.display()
        ))
        .hint("settings are upper-case names, such as MAX_NUM_EC2_INSTANCES = 3"));
    }
    let migrated = migrate(&settings);
    for note in &migrated.notes {
        output.note(note);
    }
    if output.json {
        return Ok(output.json(&migrated.tables)?);
    }
    output.data(migrated.toml().trim_end());
    Ok(())
}

/// New settings by table, and what a person should know.
#[derive(Debug, Default, PartialEq)]
struct Migrated {
    tables: BTreeMap<&'static str, BTreeMap<&'static str, serde_json::Value>>,
    notes: Vec<String>,
}

impl Migrated {
    fn toml(&self) -> String {
        let table = |(name, keys): (&&str, &BTreeMap<&str, serde_json::Value>)| {
            // Text, numbers and truth values are written alike in JSON and TOML.
            let keys: String = keys
                .iter()
                .flat_map(|(key, value)| [key, " = ", &value.to_string(), "\n"].map(str::to_owned))
                .collect();
            format!("[{name}]\n{keys}\n")
        };
        self.tables.iter().map(table).collect()
    }
}

fn migrate(settings: &[(String, Value)]) -> Migrated {
    let mut migrated = Migrated::default();
    for (name, value) in settings {
        let Some(mapping) = MAPPINGS.iter().find(|mapping| mapping.name == name) else {
            migrated
                .notes
                .push(format!("{name}: not a setting of media-nommer, left out"));
            continue;
        };
        match mapping.target {
            Target::Key {
                table,
                key,
                convert,
            } => match convert(value) {
                Some(converted) => {
                    migrated
                        .notes
                        .push(format!("{name} → {table}.{key}: {}", mapping.note));
                    migrated
                        .tables
                        .entry(table)
                        .or_default()
                        .insert(key, converted);
                }
                None => migrated.notes.push(format!(
                    "{name}: its value could not be read; set {table}.{key} by hand"
                )),
            },
            Target::Stack(parameter) => {
                migrated.notes.push(format!(
                    "{name} → the stack's {parameter}: {}",
                    mapping.note
                ));
            }
            Target::Gone => migrated
                .notes
                .push(format!("{name}: not needed any more; {}", mapping.note)),
            Target::Secret => migrated
                .notes
                .push(format!("{name}: NOT copied; {}", mapping.note)),
        }
    }
    migrated
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOMCONF: &str = "# my settings\nAWS_ACCESS_KEY_ID = 'AKIAEXAMPLE'\nAWS_SECRET_ACCESS_KEY=\"s3cr3t/key\"\n\
        MAX_NUM_EC2_INSTANCES = 5 # at most\nNOMMERD_MAX_INACTIVITY = 60 * 10\nNOMMERD_TERMINATE_WHEN_IDLE = False\n\
        EC2_SECURITY_GROUPS = ['a', 'b']\nSOMETHING = 1\nlower = 2\n";

    #[test]
    fn settings_are_mapped_and_keys_are_not_copied() {
        let migrated = migrate(&python::assignments(NOMCONF));
        let toml = migrated.toml();
        assert_eq!(
            toml,
            "[fleet]\nidle_timeout = \"600s\"\nmax = 5\nterminate_when_idle = false\n\n"
        );
        let notes = migrated.notes.join("\n");
        assert!(notes.contains("AWS_SECRET_ACCESS_KEY: NOT copied"));
        assert!(notes.contains("SOMETHING: not a setting"));
        assert!(!notes.contains("s3cr3t") && !notes.contains("AKIA"));
    }

    #[test]
    fn every_setting_of_the_original_is_mapped() {
        assert_eq!(MAPPINGS.len(), 25);
    }
}
