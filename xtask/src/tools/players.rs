//! The players that packaged outputs are tried in: hls.js and dash.js, each one file of a package of the npm registry, known by its digest.

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use crate::{process, workspace::Workspace};

/// A package, the file that is taken out of it, and the package's SHA-512.
struct Player {
    url: &'static str,
    inside: &'static str,
    file: &'static str,
    sha512: &'static str,
}

const PLAYERS: [Player; 2] = [
    Player {
        url: "https://registry.npmjs.org/hls.js/-/hls.js-1.7.4.tgz",
        inside: "package/dist/hls.min.js",
        file: "hls.js",
        sha512: "dc697119d3ef4f6607bd060eb7ec8ecd3fc3122a2bfea255348ca51c0efb9207a805375042a8bbd06c1e7cd11498741e346ca30bc53adbe6ebbaa5bf4e99beb6",
    },
    Player {
        url: "https://registry.npmjs.org/dashjs/-/dashjs-5.2.1.tgz",
        inside: "package/dist/modern/umd/dash.all.min.js",
        file: "dash.js",
        sha512: "6b170998b78909324c2d47d0444ad4241d4a3a253988717e0cc2c173714a7a8c751cf62d1944250ba5e6e4c9babe10544770871cb20f3aac3424322a32d3fe0f",
    },
];

/// Where they lie.
pub(super) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.tools().join("players")
}

/// Fetches those that are not there yet.
pub(super) fn ensure(workspace: &Workspace) -> Result<()> {
    let folder = folder(workspace);
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    for player in &PLAYERS {
        let file = folder.join(player.file);
        if file.is_file() {
            continue;
        }
        let package = folder.join("package.tgz");
        let mut fetch = Command::new("curl");
        fetch.args([
            "--fail",
            "--silent",
            "--show-error",
            "--location",
            "--retry",
            "3",
        ]);
        process::run(fetch.arg(player.url).arg("--output").arg(&package))?;
        let sums = folder.join("package.sha512");
        let line = format!("{}  {}\n", player.sha512, package.display());
        fs::write(&sums, line).with_context(|| format!("write {}", sums.display()))?;
        process::run(
            Command::new("sha512sum")
                .args(["--check", "--quiet"])
                .arg(&sums),
        )?;
        let mut unpack = Command::new("tar");
        unpack.arg("-xzf").arg(&package).arg("-C").arg(&folder);
        process::run(unpack.arg(player.inside))?;
        let inside = folder.join(player.inside);
        fs::rename(&inside, &file).with_context(|| format!("move {}", inside.display()))?;
    }
    Ok(())
}
