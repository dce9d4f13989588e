//! The encoder's unit under the systemd that instances have: judged by its own tools, and run by it in a container that boots and powers
//! itself off as an instance does.

use std::{fs, path::Path};

use tempfile::TempDir;

use super::{
    PROGRAM, UNIT,
    aws::{Aws, Package},
    machine::Machine,
};
use crate::harness::{bins, decodes, make_clip, output_of};

/// The most that `systemd-analyze security` may find open, from 0 for nothing to 10 for all.
const EXPOSURE_LIMIT: f64 = 2.0;

/// Plays the daemon: encodes one clip with the real pipeline and sandbox, and ends as one that is idle does.
/// Without the stack's name, which would have `nommer` look at that.
const ENCODES_ONCE: &str = r#"#!/bin/sh
set -eu
unset NOMMER_STACK
id -u >/var/lib/nommer/user
echo "$NOMMER_FFMPEG__EXTRA_OPTIONS" >/var/lib/nommer/options
/opt/shared/nommer --data-dir /var/lib/nommer/data doctor >/var/lib/nommer/doctor 2>&1 || true
exec /opt/shared/nommer --data-dir /var/lib/nommer/data encode --quiet /opt/shared/clip.mp4 /var/lib/nommer/out.mp4 --preset web-mp4-480p
"#;

/// Plays a daemon that cannot work here.
const CRASHES: &str = "#!/bin/sh\necho crash >>/var/lib/nommer/crashes\nexit 1\n";

fn machine_with_unit() -> Machine {
    let machine = Machine::stock();
    machine.program(PROGRAM, "#!/bin/sh\n");
    fs::write(
        machine.file(UNIT),
        include_str!("../../../infra/nommer-encoder.service"),
    )
    .unwrap();
    machine
}

#[test]
fn systemd_finds_no_fault_with_the_unit() {
    let machine = machine_with_unit();
    let mut analyze = machine.inside("/usr/bin/systemd-analyze");
    analyze.args(["verify", "--man=no"]).arg(format!("/{UNIT}"));
    let output = analyze.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn unit_leaves_little_open() {
    let machine = machine_with_unit();
    let mut analyze = machine.inside("/usr/bin/systemd-analyze");
    analyze.args(["security", "--offline=true", "--no-pager"]);
    let table = output_of(analyze.arg(format!("/{UNIT}")));
    let exposure = table
        .split("Overall exposure level for nommer-encoder.service: ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    assert!(
        exposure.is_some_and(|exposure| exposure <= EXPOSURE_LIMIT),
        "{table}"
    );
}

#[test]
fn stock_machine_installs_ffmpeg_encodes_in_the_sandbox_and_ends() {
    let shared = TempDir::new().unwrap();
    fs::copy(bins().join("nommer"), shared.path().join("nommer")).unwrap();
    make_clip(&shared.path().join("clip.mp4"), 2, "320x240");
    let machine = Machine::stock();
    let package = Package::of(ENCODES_ONCE);
    let aws = Aws::start(&package);
    // Strict: refuses to run unless every layer of the sandbox is in force.
    let strict = [("NOMMER_FFMPEG__SANDBOX", "strict")];
    let journal = machine.live(&aws, &package, &strict, shared.path());
    let state = |name: &str| machine.file("var/lib/private/nommer").join(name);
    let read = |name| fs::read_to_string(state(name)).unwrap_or_else(|_| panic!("{journal}"));
    assert_ne!(read("user").trim(), "0");
    assert_eq!(read("options").trim(), r#"["tune","refs"]"#);
    // Beyond what strict asks for: a network of its own, which wants the unit's leave.
    let doctor = read("doctor");
    assert!(doctor.contains("network namespace"), "{doctor}");
    assert!(decodes(&state("out.mp4")), "{journal}");
    assert!(!journal.contains("Scheduled restart job"), "{journal}");
}

#[test]
fn encoder_that_keeps_crashing_is_restarted_and_then_ends_the_machine() {
    let machine = Machine::stock();
    for name in ["ffmpeg", "ffprobe"] {
        machine.program(&format!("usr/local/bin/{name}"), "#!/bin/sh\n");
    }
    let package = Package::of(CRASHES);
    let aws = Aws::start(&package);
    let journal = machine.live(&aws, &package, &[], Path::new("/mnt"));
    let crashes = machine.file("var/lib/private/nommer/crashes");
    let crashes = fs::read_to_string(crashes).unwrap_or_else(|_| panic!("{journal}"));
    assert_eq!(crashes.lines().count(), 5, "{journal}");
}

#[test]
fn machine_whose_boot_fails_ends() {
    let machine = Machine::stock();
    for name in ["ffmpeg", "ffprobe"] {
        machine.program(&format!("usr/local/bin/{name}"), "#!/bin/sh\n");
    }
    let package = Package::of(CRASHES);
    let journal = machine.live(
        &Aws::without_role(&package),
        &package,
        &[],
        Path::new("/mnt"),
    );
    assert!(journal.contains("nommer boot: powering off"), "{journal}");
    assert!(!machine.file(PROGRAM).exists());
}
