//! Tools that come from the operating system's package manager.
//!
//! On Debian and its kin they are installed with `apt-get`, if we may; elsewhere the user is told how.

use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

/// Something to install, and how to see that it is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Package {
    name: &'static str,
    is_present: fn() -> bool,
    /// What `apt-get install` calls it.
    debian: &'static str,
    /// The same for other systems: who says it, and the line to type.
    elsewhere: [(&'static str, &'static str); 3],
}

/// `ffmpeg` and `ffprobe`; Debian's package holds `qt-faststart` too.
pub(super) const FFMPEG: Package = Package {
    name: "FFmpeg (ffmpeg and ffprobe)",
    is_present: || {
        ["ffmpeg", "ffprobe"]
            .into_iter()
            .all(|program| process::find(program).is_some())
    },
    debian: "ffmpeg",
    elsewhere: [
        ("Fedora", "sudo dnf install ffmpeg-free"),
        ("Arch", "sudo pacman -S ffmpeg"),
        ("macOS", "brew install ffmpeg"),
    ],
};

/// What the documentation's examples and the tests speak HTTP with.
pub(super) const CURL: Package = Package {
    name: "curl",
    is_present: || process::find("curl").is_some(),
    debian: "curl",
    elsewhere: [
        ("Fedora", "sudo dnf install curl"),
        ("Arch", "sudo pacman -S curl"),
        ("macOS", "brew install curl"),
    ],
};

/// What the AWS CDK runs on.
pub(super) const NODE: Package = Package {
    name: "Node.js",
    is_present: || process::find("node").is_some(),
    debian: "nodejs",
    elsewhere: [
        ("Fedora", "sudo dnf install nodejs"),
        ("Arch", "sudo pacman -S nodejs"),
        ("macOS", "brew install node"),
    ],
};

/// What fetches the packages of the TypeScript client.
pub(super) const NPM: Package = Package {
    name: "npm",
    is_present: || process::find("npm").is_some(),
    debian: "npm",
    elsewhere: [
        ("Fedora", "sudo dnf install nodejs-npm"),
        ("Arch", "sudo pacman -S npm"),
        ("macOS", "brew install node"),
    ],
};

/// The browser that outputs are played in.
pub(super) const CHROMIUM: Package = Package {
    name: "Chromium",
    is_present: || process::find("chromium").is_some(),
    debian: "chromium",
    elsewhere: [
        ("Fedora", "sudo dnf install chromium"),
        ("Arch", "sudo pacman -S chromium"),
        ("macOS", "brew install --cask chromium"),
    ],
};

/// What makes the Debian root in which the boot script is tried.
pub(super) const DEBOOTSTRAP: Package = Package {
    name: "debootstrap",
    is_present: || process::find("debootstrap").is_some(),
    debian: "debootstrap",
    elsewhere: [
        ("Fedora", "sudo dnf install debootstrap"),
        ("Arch", "sudo pacman -S debootstrap"),
        ("macOS", "run the tests in a Debian virtual machine"),
    ],
};

/// What boots such a root with a systemd of its own.
pub(super) const NSPAWN: Package = Package {
    name: "systemd-nspawn",
    is_present: || process::find("systemd-nspawn").is_some(),
    debian: "systemd-container",
    elsewhere: [
        ("Fedora", "sudo dnf install systemd-container"),
        ("Arch", "sudo pacman -S systemd"),
        ("macOS", "run the tests in a Debian virtual machine"),
    ],
};

/// A Python that can make virtual environments. Debian packs that ability apart, so we ask for it by doing.
pub(super) const PYTHON: Package = Package {
    name: "Python 3 with venv",
    is_present: || {
        process::succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"]))
    },
    debian: "python3-venv",
    elsewhere: [
        ("Fedora", "sudo dnf install python3"),
        ("Arch", "sudo pacman -S python"),
        ("macOS", "brew install python3"),
    ],
};

/// Installs those of the packages that are missing.
///
/// # Errors
/// There is no `apt-get` or no right to use it: the error says what to type. Or the installation failed.
pub(super) fn ensure(packages: &[Package]) -> Result<()> {
    let missing = missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    let Some(apt) = Apt::usable() else {
        bail!("{}", instructions(&missing));
    };
    apt.run(&["update"])?;
    let names: Vec<_> = missing.iter().map(|package| package.debian).collect();
    apt.run(&[&["install", "--yes", "--no-install-recommends"], &names[..]].concat())?;
    let missing = self::missing(&missing);
    if !missing.is_empty() {
        bail!(
            "apt-get installed it, and still: {}",
            instructions(&missing)
        );
    }
    Ok(())
}

fn missing(packages: &[Package]) -> Vec<Package> {
    packages
        .iter()
        .filter(|package| !(package.is_present)())
        .copied()
        .collect()
}

/// What the user should do about missing packages.
fn instructions(missing: &[Package]) -> String {
    let mut lines = Vec::new();
    for package in missing {
        let name = package.name;
        lines.push(format!(
            "{name} is needed and was not found; install it and try again:"
        ));
        let debian = format!("sudo apt-get install {}", package.debian);
        lines.push(format!("  {:16}{debian}", "Debian, Ubuntu"));
        lines.extend(
            package
                .elsewhere
                .map(|(system, line)| format!("  {system:16}{line}")),
        );
    }
    lines.join("\n")
}

/// `apt-get`, with `sudo` before it if need be.
#[derive(Debug)]
struct Apt {
    sudo: bool,
}

impl Apt {
    /// If there is an `apt-get` that runs as root without asking for a password.
    fn usable() -> Option<Self> {
        process::find("apt-get")?;
        let is_root = process::read(Command::new("id").arg("-u")).is_ok_and(|id| id == "0");
        let may_sudo = || process::succeeds(Command::new("sudo").args(["-n", "true"]));
        (is_root || may_sudo()).then_some(Self { sudo: !is_root })
    }

    /// Waits for another package manager to finish, and tries flaky mirrors again.
    fn run(&self, args: &[&str]) -> Result<()> {
        let prefix: &[&str] = if self.sudo { &["sudo", "-n"] } else { &[] };
        let apt = [
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "--quiet",
            "--option=Acquire::Retries=3",
            "--option=DPkg::Lock::Timeout=300",
        ];
        let argv = [prefix, &apt, args].concat();
        process::run(Command::new(argv[0]).args(&argv[1..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_name_each_missing_package_and_system() {
        let text = instructions(&[FFMPEG, PYTHON]);
        for line in [
            "FFmpeg (ffmpeg and ffprobe) is needed",
            "  Debian, Ubuntu  sudo apt-get install ffmpeg\n",
            "  macOS           brew install ffmpeg\n",
            "Python 3 with venv is needed",
            "  Debian, Ubuntu  sudo apt-get install python3-venv\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in:\n{text}");
        }
    }

    #[test]
    fn present_packages_are_not_installed() {
        let there = Package {
            is_present: || true,
            ..FFMPEG
        };
        let gone = Package {
            is_present: || false,
            ..PYTHON
        };
        let missing = missing(&[there, gone]);
        assert_eq!(missing.len(), 1);
        assert_eq!(missing[0].name, PYTHON.name);
    }
}
