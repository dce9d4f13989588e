//! `nommer deploy` as a user types it, with the real `sam`: a stack is made, told of, used and removed.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::stack::{Deployment, emulated, fresh_name, packages};
use crate::{
    emulator::{REGION, ministack, moto},
    harness::{nommer, repository},
};

/// A folder like a checkout after `cargo xtask dist`.
fn checkout() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    symlink(packages(), at("dist")).unwrap();
    fs::create_dir(at("infra")).unwrap();
    let template = "infra/template.yaml";
    fs::copy(repository().join(template), at(template)).unwrap();
    folder
}

/// `nommer`, in this folder, with an AWS account that is the emulators.
fn run(folder: &Path, words: &[&str]) -> Output {
    let sam = std::env::var_os("NOMMER_TEST_SAM").expect("run `cargo xtask test`");
    let beside = Path::new(&sam).parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap();
    Command::new(nommer())
        .args(words)
        .current_dir(folder)
        .env_clear()
        .env("PATH", format!("{beside}:{path}"))
        .env("HOME", folder)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", REGION)
        .env("AWS_ENDPOINT_URL", ministack().url())
        .env("AWS_ENDPOINT_URL_EC2", moto().url())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    format!("{out}{}", String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_is_deployed_told_of_and_destroyed_with_its_instances() {
    let folder = checkout();
    let name = fresh_name();
    let stack_words = ["--json", "deploy", "--stack", &name];
    let nommer = |words: &[&str]| run(folder.path(), &[&stack_words[..], words].concat());

    let unknown = nommer(&["status"]);
    assert_eq!(unknown.status.code(), Some(3), "{}", said(&unknown));

    let mut parameters = vec!["ApiAuthorization=NONE".to_owned()];
    parameters.extend(emulated().map(|(key, value)| format!("{key}={value}")));
    let words: Vec<&str> = parameters
        .iter()
        .flat_map(|one| ["--parameter", one])
        .collect();
    let deployed = nommer(&words);
    assert!(deployed.status.success(), "{}", said(&deployed));

    let status = nommer(&["status"]);
    let told: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(told["status"], "CREATE_COMPLETE", "{told:#}");
    let stack = Deployment::of(&name).await;
    assert_eq!(told["outputs"]["ApiUrl"], stack.output("ApiUrl"));

    // What an instance fetches is there, and is what its user data says.
    let sums = fs::read_to_string(packages().join("SHA256SUMS")).unwrap();
    let line = sums.lines().find(|line| line.contains("nommer-encoder"));
    let sum = line.unwrap().split(' ').next().unwrap();
    let package = stack
        .object("ArtifactBucket", &format!("encoder/{sum}.tar.gz"))
        .await;
    assert_eq!(
        package.unwrap().len() as u64,
        fs::metadata(packages().join("nommer-encoder-x86_64.tar.gz"))
            .unwrap()
            .len()
    );

    let job = json!({"source_path": stack.media("in.mp4"), "dest_path": stack.media("out.mp4"), "preset": "web-mp4-480p"});
    let (created, answer) = stack.http("POST", "/v1/jobs", Some(&job));
    assert_eq!(created, 201, "{answer}");
    stack.launched(1).await;

    let doctor = run(folder.path(), &["--stack", &name, "doctor"]);
    let found = said(&doctor);
    assert!(doctor.status.success(), "{found}");
    for line in [
        "ok    credentials",
        "ok    stack",
        "ok    fleet",
        "ok    job queue",
        "ok    key",
        "ok    encoder",
        "quota",
    ] {
        assert!(found.contains(line), "{line}: {found}");
    }

    let careless = nommer(&["destroy"]);
    assert_eq!(careless.status.code(), Some(2), "{}", said(&careless));
    assert_eq!(stack.machines().await.len(), 1);

    let destroyed = nommer(&["destroy", "--yes"]);
    assert!(destroyed.status.success(), "{}", said(&destroyed));
    assert_eq!(stack.machines().await, Vec::<String>::new());
    let gone = nommer(&["status"]);
    assert_eq!(gone.status.code(), Some(3), "{}", said(&gone));
    assert!(stack.has_bucket(stack.output("MediaBucket")).await);
}

#[test]
fn a_checkout_without_template_or_packages_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let refused = run(folder.path(), &["deploy"]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(
        said(&refused).contains("infra/template.yaml"),
        "{}",
        said(&refused)
    );
    let folder = checkout();
    fs::remove_file(folder.path().join("dist")).unwrap();
    let refused = run(folder.path(), &["deploy"]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(
        said(&refused).contains("cargo xtask dist"),
        "{}",
        said(&refused)
    );
}
