//! Other people's judges of templates: what they would refuse must not be here.

use std::process::Command;

use super::{file, program};
use crate::harness::output_of;

#[test]
fn sam_takes_the_template_as_it_is() {
    let mut sam = Command::new(program("NOMMER_TEST_SAM"));
    sam.args(["validate", "--lint", "--region", "us-east-1", "--template"])
        .arg(file("infra/template.yaml"))
        .env("SAM_CLI_TELEMETRY", "0");
    let said = output_of(&mut sam);
    assert!(said.contains("is a valid SAM Template"), "{said}");
}

#[test]
fn cfn_lint_finds_nothing_in_any_region_we_name() {
    let mut lint = Command::new(program("NOMMER_TEST_CFN_LINT"));
    lint.args(["--regions", "us-east-1", "eu-central-1", "--template"])
        .arg(file("infra/template.yaml"));
    assert_eq!(output_of(&mut lint), "");
}

#[test]
fn policy_check_finds_nothing_without_a_reason() {
    let mut checkov = Command::new(program("NOMMER_TEST_CHECKOV"));
    checkov
        .arg("--config-file")
        .arg(file("infra/checkov.yaml"))
        .arg("--file")
        .arg(file("infra/template.yaml"));
    let said = output_of(&mut checkov);
    let passed = said
        .split("Passed checks: ")
        .nth(1)
        .and_then(|rest| rest.split(',').next()?.parse::<u32>().ok());
    assert!(passed > Some(90), "{said}");
    assert!(
        said.contains("Failed checks: 0, Skipped checks: 0"),
        "{said}"
    );
}
