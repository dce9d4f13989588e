//! How the project hangs together: which crate may know of which.

use std::process::Command;

use crate::harness::output_of;

fn tree(package: &str) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let words = [
        "tree",
        "--offline",
        "--locked",
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--package",
        package,
    ];
    output_of(Command::new(cargo).args(words))
}

fn knows(package: &str, name: &str) -> bool {
    tree(package)
        .lines()
        .any(|line| line.split(' ').next() == Some(name))
}

#[test]
fn core_depends_on_no_runtime() {
    for name in ["tokio", "reqwest", "rusqlite", "axum"] {
        assert!(!knows("nommer-core", name), "core depends on {name}");
    }
    assert!(!tree("nommer-core").contains("aws-"));
}

#[test]
fn functions_never_see_each_other_nor_an_adapter() {
    let functions = [
        "nommer-submit",
        "nommer-scale",
        "nommer-prune",
        "nommer-state-change",
    ];
    for function in functions {
        for other in functions
            .into_iter()
            .filter(|other| *other != function)
            .chain(["nommer-local", "nommer-encoder"])
        {
            assert!(!knows(function, other), "{function} depends on {other}");
        }
    }
}
