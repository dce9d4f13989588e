//! The TypeScript client: its types are those of the description, and a program that is written with them works.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::harness::{System, file_url, make_clip, output_of, repository};

/// Packages that `xtask` has installed.
fn modules() -> PathBuf {
    let modules = std::env::var_os("NOMMER_TEST_NODE_MODULES").expect("run `cargo xtask test`");
    PathBuf::from(modules)
}

fn client(file: &str) -> PathBuf {
    repository().join("clients/typescript").join(file)
}

/// `NOMMER_WRITE_OPENAPI=1` writes the types anew.
#[test]
fn the_types_are_those_of_the_description() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("schema.ts");
    output_of(
        Command::new(modules().join(".bin/openapi-typescript"))
            .arg(repository().join("functions/submit/openapi.json"))
            .arg("--output")
            .arg(&made),
    );
    let kept = client("src/schema.ts");
    if std::env::var_os("NOMMER_WRITE_OPENAPI").is_some() {
        fs::copy(&made, &kept).unwrap();
    }
    assert!(
        fs::read_to_string(made).unwrap() == fs::read_to_string(kept).unwrap(),
        "schema.ts is old: NOMMER_WRITE_OPENAPI=1 cargo xtask test --only test"
    );
}

/// The client as a package beside a program, both compiled strictly.
fn compile(folder: &Path, program: &str) {
    let package = folder.join("node_modules/media-nommer");
    fs::create_dir_all(package.join("src")).unwrap();
    for file in [
        "package.json",
        "tsconfig.json",
        "src/index.ts",
        "src/schema.ts",
    ] {
        fs::copy(client(file), package.join(file)).unwrap();
    }
    symlink(modules(), package.join("node_modules")).unwrap();
    let tsc = modules().join(".bin/tsc");
    output_of(Command::new(&tsc).arg("--project").arg(&package));
    fs::write(folder.join("package.json"), r#"{"type": "module"}"#).unwrap();
    fs::write(folder.join("program.ts"), program).unwrap();
    let options = json!({
        "compilerOptions": {
            "strict": true, "exactOptionalPropertyTypes": true, "target": "es2022",
            "module": "nodenext", "lib": ["es2022", "dom"], "types": [],
        },
        "files": ["program.ts"],
    });
    fs::write(folder.join("tsconfig.json"), options.to_string()).unwrap();
    output_of(Command::new(tsc).arg("--project").arg(folder));
}

/// Submits, waits, lists, and meets an error. What the types forbid is marked, and the compiler insists that it is forbidden.
const PROGRAM: &str = r#"
import { connect, NommerError, ok, submit, wait, type JobRequest } from "media-nommer";

declare const process: { argv: string[] };
const [url, source, dest] = process.argv.slice(2) as [string, string, string];
const nommer = connect(url);
const request: JobRequest = {
  source_path: source,
  dest_path: dest,
  external_id: "of-typescript",
  outputs: [
    { name: "small", container: "mp4", video: { height: 90, bitrate: "200k", speed: "ultrafast" }, audio: false },
    { name: "sound", container: "m4a", audio: { bitrate: 64000 } },
  ],
  overrides: { outfile_options: [["x264-params", "aq-mode=3"]] },
};
const job = await submit(nommer, request);
const ended = await wait(nommer, job.id, 50);
const page = ok(await nommer.GET("/v1/jobs", { params: { query: { external_id: "of-typescript", limit: 5 } } }));

// @ts-expect-error a word that is no container
const wrong: JobRequest = { source_path: source, dest_path: dest, outputs: [{ container: "mpg" }] };
const refused = await nommer.POST("/v1/jobs", { body: wrong });
let thrown = "";
try {
  ok(refused);
} catch (error) {
  if (error instanceof NommerError) thrown = error.problem.code;
}
console.log(JSON.stringify({
  state: ended.state,
  outputs: ended.outputs.map((output) => [output.name, output.height]),
  listed: page.data.map((one) => one.id === job.id),
  code: refused.error?.code,
  pointers: refused.error?.errors?.map((field) => field.pointer),
  status: refused.response.status,
  thrown,
}));
"#;

#[test]
fn a_typed_program_submits_waits_lists_and_is_told_what_is_wrong() {
    let system = System::start();
    make_clip(&system.path("in.mov"), 1, "320x180");
    let folder = tempfile::tempdir().unwrap();
    compile(folder.path(), PROGRAM);
    fs::create_dir(system.path("made")).unwrap();
    let told = output_of(
        Command::new("node")
            .arg(folder.path().join("program.js"))
            .args([
                system.url("/"),
                file_url(&system.path("in.mov")),
                file_url(&system.path("made")) + "/",
            ]),
    );
    let told: Value = serde_json::from_str(&told).unwrap();
    let expected = json!({
        "state": "FINISHED",
        "outputs": [["small", 90], ["sound", null]],
        "listed": [true],
        "code": "invalid_spec",
        "pointers": ["/outputs/0/container"],
        "status": 400,
        "thrown": "invalid_spec",
    });
    assert_eq!(told, expected);
}
