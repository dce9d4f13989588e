//! What the template tells functions and encoders, against what their code reads.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use nommer_core::{
    money::Market,
    settings::{SandboxMode, Settings},
};
use serde_json::Value;

use super::{file, resources, template, user_data};

/// Tables of settings that mean something on one machine only.
const LOCAL_ONLY: [&str; 3] = ["server", "local", "watch"];

/// The names of resources, which are no settings: those that all are told, and those of single functions.
const RESOURCES: [&str; 6] = [
    "NOMMER_BULK_QUEUE_URL",
    "NOMMER_JOB_QUEUE_URL",
    "NOMMER_KEY_ID",
    "NOMMER_STACK",
    "NOMMER_STATE_QUEUE_URL",
    "NOMMER_TABLE",
];
const SCALE_ONLY: [&str; 4] = [
    "NOMMER_INSTANCE_TYPES",
    "NOMMER_LAUNCH_TEMPLATE_ID",
    "NOMMER_MARKET",
    "NOMMER_SUBNET_IDS",
];
const SUBMIT_ONLY: [&str; 7] = [
    "NOMMER_API_AUTHORIZATION",
    "NOMMER_EVENT_BUS",
    "NOMMER_JOB_EVENTS",
    "NOMMER_MEDIA_BUCKET",
    "NOMMER_WATCH_DESTINATION",
    "NOMMER_WATCH_PREFIX",
    "NOMMER_WATCH_PRESET",
];
const STATE_CHANGE_ONLY: [&str; 1] = ["NOMMER_EVENT_BUS"];

/// Variables that the code may read and no stack sets: how much is logged has a default.
const NEVER_SET: [&str; 1] = ["NOMMER_LOG"];

/// What crates on AWS are made of.
const SOURCES: [&str; 4] = ["aws", "aws-fleet", "functions", "encoder"];

fn is_setting(name: &str) -> bool {
    name.starts_with("NOMMER_") && name.contains("__")
}

/// The variables of all functions, with their values as the template has them.
fn of_functions() -> BTreeMap<String, Value> {
    let variables = &template()["Globals"]["Function"]["Environment"]["Variables"];
    serde_json::from_value(variables.clone()).unwrap()
}

/// The variables that the user data exports, with their values as the template has them.
fn of_encoders() -> BTreeMap<&'static str, &'static str> {
    user_data()
        .lines()
        .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
        .map(|(name, value)| (name, value.trim_matches('\'')))
        .collect()
}

/// The variables of one function alone.
fn of_function(name: &str) -> BTreeSet<&'static str> {
    let functions = resources("AWS::Serverless::Function");
    let (_, function) = functions.iter().find(|(found, _)| *found == name).unwrap();
    let variables = &function["Properties"]["Environment"]["Variables"];
    variables
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name.as_str())
        .filter(|name| name.starts_with("NOMMER_"))
        .collect()
}

/// `{"fleet": {"max": 3}}` as `NOMMER_FLEET__MAX` and `3`.
fn flatten(prefix: &str, value: &Value, into: &mut BTreeMap<String, Value>) {
    let Value::Object(table) = value else {
        into.insert(prefix.to_owned(), value.clone());
        return;
    };
    for (key, value) in table {
        let separator = if prefix == "NOMMER" { "_" } else { "__" };
        flatten(
            &format!("{prefix}{separator}{}", key.to_uppercase()),
            value,
            into,
        );
    }
}

/// Every setting that means something on AWS.
fn settings(of: &Settings) -> BTreeMap<String, Value> {
    let mut all = serde_json::to_value(of).unwrap();
    for table in LOCAL_ONLY {
        all.as_object_mut().unwrap().remove(table).unwrap();
    }
    let mut variables = BTreeMap::new();
    flatten("NOMMER", &all, &mut variables);
    variables
}

/// The value that a variable has when every parameter has its default.
fn by_default(value: &Value) -> String {
    let default = |name: &str| {
        let value = &template()["Parameters"][name]["Default"];
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    if let Some(name) = value["Ref"].as_str() {
        return default(name);
    }
    let text = value["Fn::Sub"].as_str().unwrap();
    let (before, rest) = text.split_once("${").unwrap();
    let (name, after) = rest.split_once('}').unwrap();
    format!("{before}{}{after}", default(name))
}

/// The names that begin with `NOMMER_` and stand alone in quotes in a folder of Rust.
fn read_in(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_in(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let quoted = text.split('"');
            into.extend(quoted.filter(|word| is_variable(word)).map(str::to_owned));
        }
    }
}

fn is_variable(word: &str) -> bool {
    word.strip_prefix("NOMMER_").is_some_and(|rest| {
        !rest.is_empty()
            && !rest.starts_with("TEST_")
            && rest.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    })
}

#[test]
fn every_setting_is_in_the_template_and_the_other_way_round() {
    let told: BTreeSet<_> = of_functions()
        .into_keys()
        .filter(|name| is_setting(name))
        .collect();
    let read: BTreeSet<_> = settings(&Settings::default()).into_keys().collect();
    assert_eq!(told, read);
}

#[test]
fn encoders_are_told_what_functions_are_told() {
    let functions = of_functions();
    let encoders = of_encoders();
    let names = |name: &&str| name.starts_with("NOMMER_");
    let told: BTreeSet<_> = encoders.keys().copied().filter(names).collect();
    let expected: BTreeSet<_> = functions.keys().map(String::as_str).filter(names).collect();
    assert_eq!(told, expected);
    for (name, value) in functions {
        let Some(told) = encoders.get(name.as_str()) else {
            continue;
        };
        let reference = value["Ref"].as_str().map(|name| format!("${{{name}}}"));
        let substitute = value["Fn::Sub"].as_str().map(str::to_owned);
        let attribute = value["Fn::GetAtt"].as_array().map(|parts| {
            format!(
                "${{{}.{}}}",
                parts[0].as_str().unwrap(),
                parts[1].as_str().unwrap()
            )
        });
        assert_eq!(
            Some((*told).to_owned()),
            reference.or(substitute).or(attribute),
            "{name}"
        );
    }
}

#[test]
fn every_resource_is_named_to_those_who_need_it() {
    let functions = of_functions();
    let common = functions.keys().map(String::as_str);
    let common: BTreeSet<_> = common
        .filter(|name| name.starts_with("NOMMER_") && !is_setting(name))
        .collect();
    assert_eq!(common, BTreeSet::from(RESOURCES));
    assert_eq!(of_function("ScaleFunction"), BTreeSet::from(SCALE_ONLY));
    assert_eq!(of_function("SubmitFunction"), BTreeSet::from(SUBMIT_ONLY));
    assert_eq!(of_function("PruneFunction"), BTreeSet::new());
    let of_state_change = of_function("StateChangeFunction");
    assert_eq!(of_state_change, BTreeSet::from(STATE_CHANGE_ONLY));
}

#[test]
fn the_code_reads_no_variable_that_the_template_does_not_set() {
    let mut read = BTreeSet::new();
    for folder in SOURCES {
        read_in(&file(folder), &mut read);
    }
    for name in RESOURCES {
        assert!(read.contains(name), "{name} is set and not read");
    }
    let known: BTreeSet<_> = of_functions()
        .into_keys()
        .chain(
            [
                &SCALE_ONLY[..],
                &SUBMIT_ONLY,
                &STATE_CHANGE_ONLY,
                &NEVER_SET,
            ]
            .concat()
            .into_iter()
            .map(str::to_owned),
        )
        .collect();
    let unknown: Vec<_> = read.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn defaults_are_those_of_the_code_but_for_a_strict_sandbox_and_spot_instances() {
    let mut expected = Settings::default();
    expected.ffmpeg.sandbox = SandboxMode::Strict;
    // Costs are reckoned with the market that instances come from.
    expected.prices.market = Market::Spot;
    let types = settings(&expected);
    let mut told = serde_json::to_value(&expected).unwrap();
    for (name, value) in of_functions()
        .into_iter()
        .filter(|(name, _)| is_setting(name))
    {
        let text = by_default(&value);
        let value = match &types[&name] {
            Value::Bool(_) | Value::Number(_) => serde_json::from_str(&text).unwrap(),
            Value::Null => Value::Null,
            Value::Array(_) if text == "[]" => Value::Array(Vec::new()),
            _ => Value::from(text),
        };
        let path = name["NOMMER".len()..]
            .to_lowercase()
            .replacen('_', "/", 1)
            .replace("__", "/");
        *told.pointer_mut(&path).unwrap() = value;
    }
    assert_eq!(serde_json::from_value::<Settings>(told).unwrap(), expected);
}

#[test]
fn values_cannot_break_out_of_the_script_that_exports_them() {
    for (name, parameter) in template()["Parameters"].as_object().unwrap() {
        let free = parameter["Type"] == "String"
            && parameter["AllowedValues"].is_null()
            && parameter["AllowedPattern"].is_null();
        assert!(!free, "{name} takes any text");
        let pattern = parameter["AllowedPattern"].as_str().unwrap_or("");
        assert!(!pattern.contains('\''), "{name} takes a quote");
    }
}
