//! The image recipe: it bakes with the boot script itself, and `CloudFormation`'s checker has no complaint.

use std::{fs, path::PathBuf, process::Command};

use crate::harness::{output_of, repository};

fn recipe() -> PathBuf {
    repository().join("infra/image.yaml")
}

#[test]
fn image_is_baked_by_the_boot_script_word_for_word() {
    let text = fs::read_to_string(recipe()).unwrap();
    let (before, rest) = text.split_once("# --- boot.sh begin ---\n").unwrap();
    let (body, _) = rest.split_once("# --- boot.sh end ---\n").unwrap();
    assert!(before.contains("export BOOT_BAKE=1\n"));
    let indent = before.rsplit('\n').next().unwrap();
    let mut script = String::new();
    // The last piece is the indent of the closing mark.
    for line in body
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
    {
        script.push_str(line.strip_prefix(indent).unwrap_or(line));
    }
    // What CloudFormation would otherwise fill in itself is escaped there.
    let script = script.replace("${!", "${");
    assert_eq!(script, include_str!("../../../infra/boot.sh"));
}

#[test]
fn cfn_lint_finds_nothing_in_the_recipe() {
    let program = std::env::var_os("NOMMER_TEST_CFN_LINT")
        .expect("NOMMER_TEST_CFN_LINT names cfn-lint; run `cargo xtask test`");
    let mut lint = Command::new(program);
    lint.args(["--regions", "us-east-1", "eu-central-1", "--template"])
        .arg(recipe());
    assert_eq!(output_of(&mut lint), "");
}
