//! Clients that come with the system: the original's interface for Python 3, and types for TypeScript.

mod typescript;

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use nommer_core::{options::Pair, presets};
use serde_json::{Value, json};

use crate::harness::{System, file_url, make_clip, repository};

/// What the programs below begin with: arguments come as JSON.
const BEGINNING: &str = "import json, sys, media_nommer_api
from media_nommer_api.presets.video_basic import web_medium
from media_nommer_api.presets.video_android import android_low
from media_nommer_api.presets.video_cb import cb_low, cb_medium, cb_high
given = json.load(sys.stdin)
";

/// Runs a program that uses the client; what it printed, as JSON.
fn python(program: &str, given: &Value) -> Value {
    let python = std::env::var_os("NOMMER_TEST_API_PYTHON").expect("run `cargo xtask test`");
    let mut child = Command::new(python)
        .args(["-B", "-c", &format!("{BEGINNING}{program}")])
        .env("PYTHONPATH", repository().join("clients/python"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(given.to_string().as_bytes()).unwrap();
    drop(stdin);
    let run = child.wait_with_output().unwrap();
    assert!(run.status.success(), "see above");
    serde_json::from_slice(&run.stdout).unwrap()
}

#[test]
fn programs_for_the_original_run_unchanged() {
    let system = System::start();
    make_clip(&system.path("in.mov"), 1, "320x180");
    let program = "
api = media_nommer_api.connect(given['host'])
good = api.job_submit(given['source'], given['dest'], cb_low(), notify_url=None)
bad = api.job_submit(given['source'], 'nowhere', cb_low())
missing = []
for arguments in [('', 'b', {'c': 1}), ('a', None, {'c': 1}), ('a', 'b', {})]:
    try:
        api.job_submit(*arguments)
    except media_nommer_api.InvalidInputError as error:
        missing.append(str(error))
print(json.dumps([good.is_success(), good.data, bad.is_success(), bad.data, missing]))
";
    let given = json!({"host": system.url(""), "source": file_url(&system.path("in.mov")),
        "dest": file_url(&system.path("out.mp4"))});
    let told = python(program, &given);
    assert_eq!(
        (&told[0], &told[2]),
        (&json!(true), &json!(false)),
        "{told}"
    );
    assert!(
        told[3]["message"].as_str().unwrap().contains("dest_path"),
        "{told}"
    );
    let missing = json!([
        "source_path is missing",
        "dest_path is missing",
        "job_options is missing"
    ]);
    assert_eq!(told[4], missing);
    system.finished(told[1]["job_id"].as_str().unwrap());
    assert!(system.path("out.mp4").exists());
}

#[test]
fn a_key_is_sent_and_never_shown() {
    let system = System::start_with(&[
        ("NOMMER_SERVER__REQUIRE_KEY", "true"),
        ("NOMMER_LEGACY__ALLOW_ANONYMOUS", "false"),
    ]);
    make_clip(&system.path("in.mov"), 1, "160x90");
    let made = system.run(&["--json", "keys", "create", "test", "--scope", "submit"]);
    let key: Value = serde_json::from_slice(&made.stdout).unwrap();
    let program = "
import urllib.error
given['options'] = web_medium()
def submit(api):
    return api.job_submit(given['source'], given['dest'], given['options'])
try:
    submit(media_nommer_api.connect(given['host']))
    status = 200
except urllib.error.HTTPError as error:
    status = error.code
answer = submit(media_nommer_api.connect(given['host'], api_key=given['key']))
print(json.dumps([status, answer.data, str(answer) + repr(vars(answer))]))
";
    let given = json!({"host": system.url(""), "source": file_url(&system.path("in.mov")),
        "dest": file_url(&system.path("out.mp4")), "key": key["key"]});
    let told = python(program, &given);
    assert_eq!(
        (&told[0], &told[1]["success"]),
        (&json!(401), &json!(true)),
        "{told}"
    );
    assert!(
        !told[2]
            .as_str()
            .unwrap()
            .contains(key["key"].as_str().unwrap())
    );
}

#[test]
fn its_presets_are_those_of_the_system() {
    let program = "print(json.dumps({f.__name__: f() for f in [web_medium, android_low, cb_low, cb_medium, cb_high]}))";
    let all = python(program, &json!({}));
    for (name, job_options) in all.as_object().unwrap() {
        let preset = presets::find(&format!("legacy/{name}")).unwrap();
        let pair = |pair: &Pair| json!([pair.name, pair.value]);
        let passes = job_options["options"].as_array().unwrap().iter();
        for (ours, theirs) in preset.passes().iter().zip(passes) {
            let pairs: Vec<Value> = ours.outfile_options.iter().map(pair).collect();
            assert_eq!(theirs["outfile_options"], json!(pairs), "{name}");
            let first = theirs["move_atom_to_front"].as_bool().unwrap_or(false);
            assert_eq!(first, ours.move_atom_to_front, "{name}");
        }
    }
    assert_eq!(all.as_object().unwrap().len(), 5);
}
