//! The description of the API: it is that of the code, the running server keeps to it, and nothing that it allows makes a fault.

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

use serde_json::Value;

use crate::harness::{System, repository};

fn file(name: &str) -> PathBuf {
    repository().join("functions/submit").join(name)
}

/// `NOMMER_WRITE_OPENAPI=1` writes the files anew.
#[test]
fn what_is_served_is_the_description_of_the_code() {
    let made = [
        ("openapi.json", nommer_submit::openapi::description()),
        ("openapi.html", nommer_submit::openapi::page()),
    ];
    for (name, text) in made {
        if std::env::var_os("NOMMER_WRITE_OPENAPI").is_some() {
            fs::write(file(name), &text).unwrap();
        }
        let kept = fs::read_to_string(file(name)).unwrap();
        assert!(
            kept == text,
            "{name} is old: NOMMER_WRITE_OPENAPI=1 cargo test -p nommer-tests openapi"
        );
    }
}

#[test]
fn every_address_that_is_described_is_served_and_answers_in_json() {
    let system = System::start();
    let (status, served) = system.http("GET", "/openapi.json", None);
    assert_eq!(status, 200);
    let kept: Value =
        serde_json::from_str(&fs::read_to_string(file("openapi.json")).unwrap()).unwrap();
    assert_eq!(served, kept);
    let mut found = BTreeSet::new();
    for (path, methods) in served["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let address = path.replace("{id}", "job_00000000000000000000000000000000");
            let (status, answer) = system.http(&method.to_uppercase(), &address, None);
            let told = answer["detail"].as_str().unwrap_or_default();
            assert!(status < 500 && status != 405, "{method} {path} {status}");
            assert!(!told.contains("nothing at this address"), "{method} {path}");
            found.insert(format!("{method} {path}"));
        }
    }
    assert!(found.len() >= 20, "{found:?}");
}

/// Requests that the description allows, and many that it forbids, by a tool that knows neither us nor our code.
#[test]
fn a_strangers_fuzzer_finds_no_fault_and_no_breach_of_the_description() {
    let Some(fuzzer) = std::env::var_os("NOMMER_TEST_SCHEMATHESIS") else {
        panic!("NOMMER_TEST_SCHEMATHESIS names the fuzzer: run `cargo xtask test`");
    };
    let system = System::start();
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,unsupported_method,negative_data_rejection";
    let run = Command::new(fuzzer)
        .args(["run", &system.url("/openapi.json"), "--checks", checks])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--max-examples",
            "25",
            "--seed",
            "1",
        ])
        .args([
            "--generation-database",
            "none",
            "--request-timeout",
            "20",
            "--no-color",
        ])
        .current_dir(system.folder.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{told}");
    assert!(!told.contains("Unresolvable"), "{told}");
    assert_eq!(system.http("GET", "/v1/health", None).0, 200);
}
