//! The README's commands, run as they stand there.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use crate::harness::{System, make_clip, nommer};

fn readme() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::read_to_string(root.join("README.md")).unwrap()
}

/// Commands in the README's shell blocks, comments cut off, continued lines joined.
fn commands() -> Vec<String> {
    let text = readme();
    let blocks = text
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    let mut commands = Vec::new();
    for block in blocks {
        let mut open = String::new();
        for line in block.replace("\\\n", " ").lines() {
            open.push_str(
                line.split("   #")
                    .next()
                    .unwrap()
                    .split("  # ")
                    .next()
                    .unwrap(),
            );
            open.push('\n');
            // A quote that is not closed goes on in the next line.
            if open.matches('\'').count().is_multiple_of(2) {
                commands.push(open.trim().to_owned());
                open.clear();
            }
        }
    }
    commands
}

fn shell(system: &System, line: &str) -> Output {
    let folder = system.folder.path().display().to_string();
    let line = line
        .replace("http://127.0.0.1:8001", &system.api)
        .replace("/videos", &folder);
    let bin = nommer().parent().unwrap().display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    Command::new("sh")
        .args(["-c", &line])
        .current_dir(system.folder.path())
        .env("PATH", path)
        .env("NOMMER_API", &system.api)
        .env("NOMMER_LOCAL__DATA_DIR", system.data())
        .env("no_proxy", "*")
        .output()
        .unwrap()
}

#[test]
fn every_command_in_the_readme_works() {
    let system = System::start();
    make_clip(&system.path("in.mov"), 1, "320x180");
    fs::write(system.path("nomconf.py"), "MAX_NUM_EC2_INSTANCES = 3\n").unwrap();
    let mut run = 0;
    for line in commands() {
        // These are run as a whole by other means: `cargo xtask test` is what runs this, the demo has a test of its own, and the
        // system is up already.
        if line.starts_with("cargo ") {
            continue;
        }
        let output = shell(&system, &line);
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "{line}\n{out}\n{err}");
        assert!(
            !out.contains("\"success\":false") && !out.contains("urn:media-nommer:error"),
            "{line}\n{out}"
        );
        run += 1;
        // Both curl examples and the submit write to different names; `in.mov` to `out.mp4` twice must follow each other.
        if line.contains("/v1/jobs") {
            let id = serde_json::from_str::<serde_json::Value>(&out).unwrap()["id"]
                .as_str()
                .unwrap()
                .to_owned();
            system.finished(&id);
        }
    }
    assert!(run >= 8, "only {run} commands were found");
}

#[test]
fn the_demo_takes_a_file_from_anywhere() {
    let (here, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let clip = elsewhere.path().join("mine.mp4");
    make_clip(&clip, 1, "320x180");
    let output = Command::new(nommer())
        .args(["dev", "--once", "--listen", "127.0.0.1:0", "--demo"])
        .arg(&clip)
        .current_dir(here.path())
        .env("NOMMER_LOCAL__DATA_DIR", here.path().join("data"))
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}\n{err}");
    assert!(err.contains("mine.mp4"), "{err}");
}

#[test]
fn the_demo_does_all_that_it_says_and_exits_with_success() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(nommer())
        .args(["dev", "--demo", "--once", "--listen", "127.0.0.1:0"])
        .current_dir(folder.path())
        .env("NOMMER_LOCAL__DATA_DIR", folder.path().join("data"))
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}\n{err}");
    for words in [
        "result ",
        "before the media data",
        "job_state=FINISHED",
        "ended itself when idle",
    ] {
        assert!(out.contains(words), "{words}: {out}\n{err}");
    }
}
