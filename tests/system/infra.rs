//! The template of the stack on AWS, read and checked; nothing is deployed here.

mod boot;
mod cdk;
mod checkers;
mod policies;
mod variables;

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

use crate::harness::output_of;

/// A program that `cargo xtask test` installed.
fn program(variable: &str) -> PathBuf {
    std::env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} names no program; run `cargo xtask test`"))
        .into()
}

/// A file of the checkout.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join(path)
}

/// The template, its short forms such as `!Ref` spelled out. Read by cfn-lint's own reader.
fn template() -> &'static Value {
    static TEMPLATE: OnceLock<Value> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let python = program("NOMMER_TEST_CFN_LINT").with_file_name("python");
        let script = "import json, sys, cfnlint.decode; print(json.dumps(cfnlint.decode.decode(sys.argv[1])[0]))";
        let text = output_of(
            Command::new(python)
                .args(["-c", script])
                .arg(file("infra/template.yaml")),
        );
        serde_json::from_str(&text).unwrap()
    })
}

/// The resources of one type, by name.
fn resources(kind: &str) -> Vec<(&'static str, &'static Value)> {
    let all = template()["Resources"].as_object().unwrap();
    all.iter()
        .filter(|(_, resource)| resource["Type"] == kind)
        .map(|(name, resource)| (name.as_str(), resource))
        .collect()
}

/// The script that instances are launched with, before its references are filled in.
fn user_data() -> &'static str {
    let data = &template()["Resources"]["LaunchTemplate"]["Properties"]["LaunchTemplateData"];
    data["UserData"]["Fn::Base64"]["Fn::Sub"][0]
        .as_str()
        .unwrap()
}
