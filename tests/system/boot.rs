//! How a machine becomes an encoder: the boot script in a Debian root of its own, with systemd's programs recorded instead of run, against
//! a metadata service and a bucket that check what they are sent; the unit under a real systemd; the image recipe.
//!
//! Needs root, as chroot and containers do. The Debian root is made once by debootstrap and kept in the target folder.

mod aws;
mod image;
mod machine;
mod unit;

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
};

use aws::{Aws, Package, SECRET, TOKEN};
use machine::Machine;

/// Where the script puts things.
const PROGRAM: &str = "usr/local/bin/nommer-encoder";
const UNIT: &str = "etc/systemd/system/nommer-encoder.service";
const ENVIRONMENT: &str = "etc/nommer/encoder.env";

/// What it asks of systemd on a machine that works, in order.
const STARTS: [&str; 5] = [
    "systemctl stop nommer-boot-limit.timer",
    "systemd-run --quiet --unit=nommer-boot-limit --on-active=20min systemctl poweroff",
    "systemctl daemon-reload",
    "systemctl enable --now nommer-encoder.service",
    "systemctl stop nommer-boot-limit.timer",
];

fn a_package() -> Package {
    Package::of("#!/bin/sh\necho encoder\n")
}

fn assert_nothing_installed(machine: &Machine, case: &str) {
    for path in [PROGRAM, UNIT, ENVIRONMENT] {
        assert!(!machine.file(path).exists(), "{case}: there is {path}");
    }
    let left: Vec<_> = fs::read_dir(machine.file("tmp")).unwrap().collect();
    assert!(left.is_empty(), "{case}: left behind: {left:?}");
}

#[test]
fn machine_fetches_the_encoder_and_starts_it() {
    let machine = Machine::with_ffmpeg();
    let package = a_package();
    let aws = Aws::start(&package);
    let boot = machine.boot(&aws, &package, &[("NOMMER_FLEET__MAX", "3")]);
    assert!(boot.status.success(), "{boot:?}");
    assert_eq!(machine.calls(), STARTS);

    let program = fs::metadata(machine.file(PROGRAM)).unwrap();
    assert_eq!(program.permissions().mode() & 0o7777, 0o755);
    assert_eq!((program.uid(), program.gid()), (0, 0));
    let unit = fs::read_to_string(machine.file(UNIT)).unwrap();
    assert_eq!(unit, include_str!("../../infra/nommer-encoder.service"));
    let environment = machine.file(ENVIRONMENT);
    let mode = fs::metadata(&environment).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o644);
    let environment = fs::read_to_string(environment).unwrap();
    let mut lines: Vec<_> = environment.lines().collect();
    lines.sort_unstable();
    let expected = [
        "AWS_REGION=eu-central-1",
        "NOMMER_FFMPEG__EXTRA_OPTIONS=[\"tune\",\"refs\"]",
        "NOMMER_FLEET__MAX=3",
        "NOMMER_STACK=media",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn second_run_fetches_nothing_and_does_no_harm() {
    let machine = Machine::with_ffmpeg();
    let package = a_package();
    let aws = Aws::start(&package);
    assert!(machine.boot(&aws, &package, &[]).status.success());
    // What was there to fetch has gone since, and an encoder at work must not suffer for it.
    aws.answer_bucket_with(&[404; 9]);
    assert!(machine.boot(&aws, &package, &[]).status.success());
    assert_eq!(aws.downloads(), 1);
    assert_eq!(machine.calls(), [STARTS, STARTS].concat());
}

#[test]
fn another_package_replaces_the_one_that_is_installed() {
    let machine = Machine::with_ffmpeg();
    for text in ["#!/bin/sh\necho old\n", "#!/bin/sh\necho new\n"] {
        let package = Package::of(text);
        let aws = Aws::start(&package);
        assert!(machine.boot(&aws, &package, &[]).status.success());
        let installed = fs::read_to_string(machine.file(PROGRAM)).unwrap();
        assert_eq!(installed, text);
    }
}

#[test]
fn package_that_comes_late_is_waited_for() {
    let machine = Machine::with_ffmpeg();
    let package = a_package();
    let aws = Aws::start(&package);
    aws.answer_bucket_with(&[404, 403, 503]);
    let boot = machine.boot(&aws, &package, &[]);
    assert!(boot.status.success(), "{boot:?}");
    assert_eq!(aws.downloads(), 4);
    assert_eq!(machine.calls(), STARTS);
}

#[test]
fn credentials_are_used_and_never_shown() {
    let machine = Machine::with_ffmpeg();
    let package = a_package();
    let aws = Aws::start(&package);
    let boot = machine.boot(&aws, &package, &[]);
    // The bucket answers only what is signed with the role's credentials, their token among what is signed.
    assert!(boot.status.success(), "{boot:?}");
    let processes = aws.processes();
    assert!(
        processes.iter().any(|line| line.contains("--aws-sigv4")),
        "the download was not among {processes:?}"
    );
    let said = String::from_utf8([boot.stdout, boot.stderr].concat()).unwrap();
    for secret in [SECRET, TOKEN] {
        assert!(!said.contains(secret), "{said}");
        assert!(!processes.iter().any(|line| line.contains(secret)));
        let found = machine.search(secret);
        assert!(found.is_empty(), "{found}");
    }
}

#[test]
fn machine_that_cannot_be_made_to_work_is_powered_off() {
    let machine = Machine::with_ffmpeg();
    let package = a_package();
    let other = Package::of("#!/bin/sh\necho another\n");
    let garbage = Package::garbage();
    let never = Aws::start(&package);
    never.answer_bucket_with(&[404; 9]);
    let cases = [
        ("another checksum", Aws::start(&other), &package, None),
        ("no package ever", never, &package, None),
        ("no tarball", Aws::start(&garbage), &garbage, None),
        ("no role", Aws::without_role(&package), &package, None),
        (
            "no checksum",
            Aws::start(&package),
            &package,
            Some(("BOOT_PACKAGE_SHA256", "")),
        ),
        (
            "no metadata service",
            Aws::start(&package),
            &package,
            Some(("BOOT_IMDS", "http://127.0.0.1:1")),
        ),
    ];
    for (case, aws, package, variable) in cases {
        machine.forget_calls();
        let boot = machine.boot(&aws, package, variable.as_slice());
        assert!(!boot.status.success(), "{case}: {boot:?}");
        assert_eq!(machine.calls()[..2], STARTS[..2], "{case}");
        assert_eq!(machine.calls()[2..], ["systemctl poweroff"], "{case}");
        assert_nothing_installed(&machine, case);
    }
}

#[test]
fn script_without_its_variables_powers_off() {
    let machine = Machine::with_ffmpeg();
    let boot = machine.run("");
    assert!(!boot.status.success(), "{boot:?}");
    assert_eq!(machine.calls()[2..], ["systemctl poweroff"]);
    assert_nothing_installed(&machine, "no variables");
}

#[test]
fn machine_that_cannot_install_ffmpeg_is_powered_off() {
    let machine = Machine::without_mirrors();
    let package = a_package();
    let aws = Aws::start(&package);
    let boot = machine.boot(&aws, &package, &[]);
    assert!(!boot.status.success(), "{boot:?}");
    assert_eq!(machine.calls()[2..], ["systemctl poweroff"]);
    assert_eq!(aws.downloads(), 0);
    assert_nothing_installed(&machine, "no mirrors");
}

#[test]
fn baked_image_starts_nothing_and_boots_without_a_download() {
    let machine = Machine::with_ffmpeg();
    let package = a_package();
    let aws = Aws::start(&package);
    let bake = machine.boot(&aws, &package, &[("BOOT_BAKE", "1")]);
    assert!(bake.status.success(), "{bake:?}");
    assert!(machine.calls().is_empty(), "{:?}", machine.calls());
    assert!(machine.file(PROGRAM).exists());
    assert!(!machine.file(ENVIRONMENT).exists());

    assert!(machine.boot(&aws, &package, &[]).status.success());
    assert_eq!(aws.downloads(), 1);
    assert_eq!(machine.calls(), STARTS);
    assert!(machine.file(ENVIRONMENT).exists());
}

#[test]
fn image_that_cannot_be_baked_fails_without_ending_the_machine() {
    let machine = Machine::with_ffmpeg();
    let package = a_package();
    let bake = machine.boot(
        &Aws::without_role(&package),
        &package,
        &[("BOOT_BAKE", "1")],
    );
    assert!(!bake.status.success(), "{bake:?}");
    assert!(machine.calls().is_empty(), "{:?}", machine.calls());
    assert_nothing_installed(&machine, "bake");
}
