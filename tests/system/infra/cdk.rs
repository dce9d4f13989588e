//! The CDK app: what it makes of the template is the template.

use std::{fs, process::Command};

use serde_json::Value;

use super::{file, program, template};
use crate::harness::output_of;

#[test]
fn cdk_app_makes_the_same_stack() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = Command::new(program("NOMMER_TEST_CDK_PYTHON"));
    app.arg(file("infra/cdk/app.py"))
        .env("CDK_OUTDIR", folder.path())
        .env("HOME", folder.path())
        .env("NOMMER_STACK", "nommer")
        .current_dir(folder.path());
    output_of(&mut app);
    let made = fs::read(folder.path().join("nommer.template.json")).unwrap();
    let made: Value = serde_json::from_slice(&made).unwrap();
    for section in ["Resources", "Parameters", "Outputs", "Conditions"] {
        let ours = template()[section].as_object().unwrap();
        for (name, value) in ours {
            let theirs = &made[section][name];
            assert!(!theirs.is_null(), "{section} {name} is gone");
            if section == "Resources" {
                assert_eq!(theirs["Type"], value["Type"], "{name}");
            }
        }
    }
}
