//! Debian machines to boot: roots made by debootstrap, kept as an archive in the target folder and unpacked for each test.
//!
//! Nothing of the machine that runs the tests is changed: a root is entered by chroot, or booted as a container.

use std::{
    fmt::Write as _,
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::{Mutex, OnceLock, PoisonError},
};

use tempfile::TempDir;

use super::aws::{Aws, Package};
use crate::harness::output_of;

/// One machine lives at a time: without a unit of their own they share a control group, and the end of one takes it from another.
static ONE_LIVES: Mutex<()> = Mutex::new(());

/// Stands in for a program of systemd: writes down that it was called.
const RECORDER: &str = "#!/bin/sh\necho \"${0##*/} $*\" >>/var/log/calls\n";

/// Stands in for FFmpeg where nothing is encoded.
const IDLE: &str = "#!/bin/sh\n";

/// Makes the archive `$2`, with `$1` to work in. In memory, because dpkg waits for the disk after each file.
const MAKE: &str = "set -eu
mount -t tmpfs none \"$1\"
debootstrap --variant=minbase --include=ca-certificates,curl,dbus,systemd,systemd-sysv bookworm \"$1\" http://deb.debian.org/debian >&2
rm -rf \"$1\"/var/cache/apt/archives/*.deb \"$1\"/var/lib/apt/lists/*
echo force-unsafe-io >\"$1/etc/dpkg/dpkg.cfg.d/tests\"
tar --create --file \"$2.part\" --directory \"$1\" .
mv \"$2.part\" \"$2\"";

/// Longest that a container may run, in seconds: it installs FFmpeg from a mirror.
const CONTAINER_LIMIT: &str = "300";

/// One Debian root.
#[derive(Debug)]
pub(super) struct Machine {
    root: TempDir,
}

impl Machine {
    /// As Debian's image: systemd and curl, and no FFmpeg.
    pub(super) fn stock() -> Self {
        let root = tempfile::tempdir_in(cache()).unwrap();
        output_of(
            Command::new("tar")
                .args(["--extract", "--file"])
                .arg(base())
                .arg("--directory")
                .arg(root.path()),
        );
        // The archive holds the one of the day it was made.
        fs::copy("/etc/resolv.conf", root.path().join("etc/resolv.conf")).unwrap();
        Self { root }
    }

    /// A machine whose calls of systemd are recorded, with FFmpeg in place.
    pub(super) fn with_ffmpeg() -> Self {
        let machine = Self::recording();
        for name in ["ffmpeg", "ffprobe"] {
            machine.program(&format!("usr/local/bin/{name}"), IDLE);
        }
        machine
    }

    /// A machine whose calls of systemd are recorded and whose package manager fails.
    pub(super) fn without_mirrors() -> Self {
        let machine = Self::recording();
        machine.program("usr/local/bin/apt-get", "#!/bin/sh\nexit 100\n");
        machine
    }

    fn recording() -> Self {
        let machine = Self::stock();
        for name in ["systemctl", "systemd-run"] {
            machine.program(&format!("usr/local/sbin/{name}"), RECORDER);
        }
        machine
    }

    /// Writes a program into the machine.
    pub(super) fn program(&self, path: &str, text: &str) {
        let path = self.file(path);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A file of the machine.
    pub(super) fn file(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    /// Boots it as the stack would, with these variables besides, and without pauses.
    pub(super) fn boot(&self, aws: &Aws, package: &Package, more: &[(&str, &str)]) -> Output {
        self.run(&exports(aws, package, more))
    }

    /// Runs the boot script after these lines.
    pub(super) fn run(&self, lines: &str) -> Output {
        self.write_user_data(lines);
        self.inside("/bin/bash")
            .arg("/var/lib/user-data")
            .output()
            .unwrap()
    }

    /// A program inside the machine, with the environment of cloud-init's scripts.
    pub(super) fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("chroot");
        command
            .arg(self.root.path())
            .arg(program)
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("HOME", "/root")
            .stdin(Stdio::null());
        command
    }

    /// What was asked of systemd, in order.
    pub(super) fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.file("var/log/calls")).unwrap_or_default();
        text.lines().map(ToOwned::to_owned).collect()
    }

    /// Starts a new list of calls.
    pub(super) fn forget_calls(&self) {
        fs::write(self.file("var/log/calls"), "").unwrap();
    }

    /// The files that hold `text`, among all that may have changed.
    pub(super) fn search(&self, text: &str) -> String {
        let mut grep = Command::new("grep");
        grep.args([
            "--recursive",
            "--files-with-matches",
            "--fixed-strings",
            text,
        ]);
        for folder in ["etc", "root", "tmp", "run", "var", "usr/local"] {
            grep.arg(self.file(folder));
        }
        String::from_utf8(grep.output().unwrap().stdout).unwrap()
    }

    /// Boots it for real, as a container with a systemd of its own that runs the user data as cloud-init would. Returns when the machine
    /// has powered itself off; its journal.
    pub(super) fn live(
        &self,
        aws: &Aws,
        package: &Package,
        more: &[(&str, &str)],
        shared: &Path,
    ) -> String {
        self.write_user_data(&exports(aws, package, more));
        let unit = "[Unit]\nAfter=network-online.target\n[Service]\nType=oneshot\nExecStart=/bin/bash /var/lib/user-data\n";
        fs::write(self.file("etc/systemd/system/user-data.service"), unit).unwrap();
        let wants = self.file("etc/systemd/system/multi-user.target.wants/user-data.service");
        std::os::unix::fs::symlink("../user-data.service", wants).unwrap();
        fs::create_dir_all(self.file("var/log/journal")).unwrap();
        let debs = cache().join("debs");
        fs::create_dir_all(&debs).unwrap();
        let archives = self.file("var/cache/apt/archives");
        link_packages(&debs, &archives);

        let turn = ONE_LIVES.lock().unwrap_or_else(PoisonError::into_inner);
        // Landlock's calls are newer than the list of those that a container may make.
        let output = Command::new("timeout")
            .args(["--kill-after=10", CONTAINER_LIMIT, "systemd-nspawn"])
            .args(["--quiet", "--boot", "--register=no", "--keep-unit"])
            .arg("--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self")
            .arg(format!("--machine=nommer-{}", self.root.path().file_name().unwrap().display()).replace('.', ""))
            .arg("--directory")
            .arg(self.root.path())
            .arg(format!("--bind-ro={}:/opt/shared", shared.display()))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        drop(turn);
        link_packages(&archives, &debs);
        let journal = self
            .inside("/usr/bin/journalctl")
            .args(["--no-pager", "--directory=/var/log/journal"])
            .output()
            .unwrap();
        let journal = String::from_utf8_lossy(&journal.stdout).into_owned();
        assert!(
            output.status.success(),
            "the machine did not end by itself: {output:?}\n{journal}"
        );
        journal
    }

    fn write_user_data(&self, lines: &str) {
        let script = include_str!("../../../infra/boot.sh");
        let text = format!("#!/bin/bash\n{lines}{script}");
        fs::write(self.file("var/lib/user-data"), text).unwrap();
    }
}

/// The lines that set the script's variables.
fn exports(aws: &Aws, package: &Package, more: &[(&str, &str)]) -> String {
    let variables = [
        ("AWS_REGION", "eu-central-1"),
        ("BOOT_BUCKET", "media-artifacts"),
        ("BOOT_PACKAGE_KEY", "encoder/package.tar.gz"),
        ("BOOT_PACKAGE_SHA256", &package.sha256),
        ("BOOT_IMDS", aws.url()),
        ("BOOT_S3", aws.url()),
        ("BOOT_PAUSE", "0"),
        ("BOOT_TRIES", "5"),
        ("NOMMER_STACK", "media"),
        ("NOMMER_FFMPEG__EXTRA_OPTIONS", r#"["tune","refs"]"#),
    ];
    let mut lines = String::new();
    for (name, value) in variables.iter().chain(more) {
        writeln!(lines, "export {name}='{value}'").expect("a string takes every write");
    }
    lines
}

/// Gives the packages of one folder to another without a copy.
fn link_packages(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|kind| kind == "deb") {
            // It may be there already, by another test.
            fs::hard_link(&path, to.join(entry.file_name())).ok();
        }
    }
}

/// The folder that is kept between runs.
fn cache() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("debian");
        fs::create_dir_all(&folder).unwrap();
        folder
    })
}

/// The archive of the root that all start from.
fn base() -> &'static Path {
    static BASE: OnceLock<PathBuf> = OnceLock::new();
    BASE.get_or_init(|| {
        let lock = File::create(cache().join("lock")).unwrap();
        lock.lock().unwrap();
        let archive = cache().join("bookworm-1.tar");
        if !archive.exists() {
            let work = tempfile::tempdir_in(cache()).unwrap();
            let made = Command::new("unshare")
                .args(["--mount", "sh", "-c", MAKE, "make"])
                .arg(work.path())
                .arg(&archive)
                .stdout(Stdio::null())
                .output()
                .expect("unshare runs");
            assert!(
                made.status.success(),
                "debootstrap could not make a Debian root; it needs root, Debian's mirror and the package debootstrap:\n{}",
                String::from_utf8_lossy(&made.stderr)
            );
        }
        archive
    })
}
