//! `cargo xtask dist`: what a deployment uploads. Lambda zips, the encoder's tarball, and their checksums.
//!
//! The same sources give the same bytes: times and owners in the archives are fixed.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use flate2::{Compression, GzBuilder};
use sha2::{Digest as _, Sha256};
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

use crate::{process, workspace::Workspace};

/// The functions by the names of their programs; each is built from package `nommer-NAME`.
const FUNCTIONS: [&str; 4] = ["submit", "scale", "prune", "state-change"];

/// The newest glibc that functions may need: that of `provided.al2023`.
const GLIBC: (u32, u32) = (2, 34);

/// Largest zip of submit, in bytes: it is loaded on every cold start.
const SUBMIT_LIMIT: u64 = 4_000_000;

/// How hard zips are packed. Above 9 Zopfli does it, in as many rounds as there are above 9: slow to pack, as quick as ever to unpack.
const PACKED: i64 = 12;

/// What to build, and where to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dist {
    /// The processor of functions and encoders, as the template calls it.
    pub(crate) arch: Arch,
    /// Debug builds instead, quick to make: for tests.
    pub(crate) debug: bool,
    /// The folder for the archives; `dist` in the checkout if none is named.
    pub(crate) output: Option<PathBuf>,
}

/// A kind of processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arch {
    X86,
    Arm,
}

impl Arch {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        match text {
            "x86_64" => Ok(Self::X86),
            "arm64" => Ok(Self::Arm),
            _ => bail!("`--arch {text}` is neither x86_64 nor arm64"),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::X86 => "x86_64",
            Self::Arm => "arm64",
        }
    }

    fn target(self) -> &'static str {
        match self {
            Self::X86 => "x86_64-unknown-linux-gnu",
            Self::Arm => "aarch64-unknown-linux-gnu",
        }
    }

    fn is_native(self) -> bool {
        self.target().starts_with(std::env::consts::ARCH)
    }
}

/// Builds and packs everything.
pub(crate) fn run(workspace: &Workspace, dist: &Dist) -> Result<()> {
    let folder = match &dist.output {
        Some(folder) => folder.clone(),
        None => workspace.file("dist"),
    };
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    if !dist.arch.is_native() {
        check_target(dist.arch)?;
    }
    let functions = build(
        workspace,
        dist,
        &FUNCTIONS.map(|name| format!("nommer-{name}")),
    )?;
    let encoder = build(workspace, dist, &["nommer-encoder".to_owned()])?;
    let mut sums = String::new();
    for name in FUNCTIONS {
        let (program, file) = (functions.join(name), folder.join(format!("{name}.zip")));
        check_glibc(&program)?;
        zip(&program, &file, dist.debug)?;
        sum(&mut sums, &file)?;
        let bytes = fs::metadata(&file)?.len();
        println!("{} {bytes} bytes", file.display());
        ensure!(
            name != "submit" || bytes <= SUBMIT_LIMIT || dist.debug,
            "the zip of submit has {bytes} bytes and may have {SUBMIT_LIMIT}: find out what made it larger (`cargo bloat`, `cargo tree --package nommer-submit`)"
        );
    }
    let program = encoder.join("nommer-encoder");
    let package = folder.join(format!("nommer-encoder-{}.tar.gz", dist.arch.name()));
    let unit = workspace.file("infra/nommer-encoder.service");
    tarball(&[(&program, 0o755), (&unit, 0o644)], &package)?;
    sum(&mut sums, &package)?;
    println!(
        "{} {} bytes",
        package.display(),
        fs::metadata(&package)?.len()
    );
    let sums_file = folder.join("SHA256SUMS");
    fs::write(&sums_file, sums).with_context(|| format!("write {}", sums_file.display()))
}

/// Whether programs for another processor can be built here.
fn check_target(arch: Arch) -> Result<()> {
    let target = arch.target();
    let installed = process::read(Command::new("rustup").args(["target", "list", "--installed"]));
    let at_hand = installed.is_ok_and(|list| list.lines().any(|line| line == target));
    ensure!(
        at_hand,
        "the Rust target {target} is not installed: run `rustup target add {target}`, and install a linker for it \
         (Debian: `apt-get install gcc-aarch64-linux-gnu`)"
    );
    let linker = "aarch64-linux-gnu-gcc";
    ensure!(
        process::read(Command::new(linker).arg("--version")).is_ok(),
        "there is no linker for {target}: install {linker} (Debian: `apt-get install gcc-aarch64-linux-gnu`)"
    );
    Ok(())
}

/// Builds packages; the folder of their programs.
fn build(workspace: &Workspace, dist: &Dist, packages: &[String]) -> Result<PathBuf> {
    let is_function = packages.iter().any(|name| name != "nommer-encoder");
    let profile = match (dist.debug, is_function) {
        (true, _) => "dev",
        (false, true) => "lambda",
        (false, false) => "release",
    };
    let mut cargo = workspace.cargo(["build", "--locked", "--profile", profile]);
    cargo.current_dir(workspace.file(""));
    if dist.debug {
        // Together with everything else, so that dependencies are built the same way as for the tests.
        cargo.args(["--workspace", "--bins", "--examples"]);
    } else {
        for package in packages {
            cargo.args(["--package", package]);
        }
    }
    let mut folder = workspace.target().to_owned();
    if !dist.arch.is_native() {
        cargo.args(["--target", dist.arch.target()]).env(
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER",
            "aarch64-linux-gnu-gcc",
        );
        folder.push(dist.arch.target());
    }
    process::run(&mut cargo)?;
    Ok(folder.join(if dist.debug { "debug" } else { profile }))
}

/// Refuses a program that Lambda could not start.
fn check_glibc(program: &Path) -> Result<()> {
    let symbols = process::read(
        Command::new("readelf")
            .args(["--version-info", "--wide"])
            .arg(program),
    )
    .context("look at the symbols that the program needs")?;
    let newest = newest_glibc(&symbols);
    ensure!(
        newest <= GLIBC,
        "{} needs glibc {}.{}, and Lambda's provided.al2023 has {}.{}: build on Debian 12 or older",
        program.display(),
        newest.0,
        newest.1,
        GLIBC.0,
        GLIBC.1
    );
    Ok(())
}

/// The newest glibc among the versions that `readelf` lists, as major and minor number; 0.0 if there is none.
fn newest_glibc(symbols: &str) -> (u32, u32) {
    symbols
        .split("GLIBC_")
        .skip(1)
        .filter_map(|rest| {
            let version = rest
                .split(|c: char| !c.is_ascii_digit() && c != '.')
                .next()?;
            let (major, minor) = version.split_once('.')?;
            let minor = minor.split('.').next()?;
            Some((major.parse().ok()?, minor.parse().ok()?))
        })
        .max()
        .unwrap_or_default()
}

/// A zip with the one file that Lambda starts.
pub(crate) fn zip(program: &Path, to: &Path, quick: bool) -> Result<()> {
    let file = File::create(to).with_context(|| format!("write {}", to.display()))?;
    let mut zip = ZipWriter::new(BufWriter::new(file));
    let (method, level) = if quick {
        (CompressionMethod::Stored, None)
    } else {
        (CompressionMethod::Deflated, Some(PACKED))
    };
    let options = SimpleFileOptions::default()
        .compression_method(method)
        .compression_level(level)
        .unix_permissions(0o755);
    zip.start_file("bootstrap", options)?;
    io::copy(&mut open(program)?, &mut zip)?;
    zip.finish()?.flush()?;
    Ok(())
}

/// A tarball of files by their names alone.
fn tarball(files: &[(&Path, u32)], to: &Path) -> Result<()> {
    let file = File::create(to).with_context(|| format!("write {}", to.display()))?;
    let gzip = GzBuilder::new()
        .mtime(0)
        .write(BufWriter::new(file), Compression::default());
    let mut tar = tar::Builder::new(gzip);
    for (path, mode) in files {
        let mut source = open(path)?;
        let mut header = tar::Header::new_gnu();
        header.set_size(source.metadata()?.len());
        header.set_mode(*mode);
        header.set_mtime(0);
        let name = path.file_name().context("a file has a name")?;
        tar.append_data(&mut header, name, &mut source)?;
    }
    tar.into_inner()?.finish()?.flush()?;
    Ok(())
}

fn open(path: &Path) -> Result<File> {
    File::open(path).with_context(|| format!("read {}", path.display()))
}

/// Adds a line as `sha256sum` writes it.
fn sum(sums: &mut String, file: &Path) -> Result<()> {
    let mut hash = Sha256::new();
    io::copy(&mut open(file)?, &mut HashWriter(&mut hash))?;
    for byte in hash.finalize() {
        write!(sums, "{byte:02x}")?;
    }
    let name = file.file_name().context("a file has a name")?;
    writeln!(sums, "  {}", name.to_string_lossy())?;
    Ok(())
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_program_gives_the_same_archives() {
        let folder = std::env::temp_dir().join(format!("nommer-dist-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let program = folder.join("nommer-encoder");
        fs::write(&program, b"program").unwrap();
        let pack = |name: &str| {
            let (one, other) = (
                folder.join(format!("{name}.zip")),
                folder.join(format!("{name}.tgz")),
            );
            zip(&program, &one, false).unwrap();
            tarball(&[(&program, 0o755)], &other).unwrap();
            let mut sums = String::new();
            sum(&mut sums, &one).unwrap();
            sum(&mut sums, &other).unwrap();
            sums.replace(name, "")
        };
        assert_eq!(pack("first"), pack("other"));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn newest_glibc_is_found_by_number_among_all_versions() {
        let symbols = "\
            0x0010:   Name: GLIBC_2.2.5  Flags: none  Version: 5\n\
            0x0020:   Name: GLIBC_2.34  Flags: none  Version: 4\n\
            0x0030:   Name: GLIBC_2.9  Flags: none  Version: 3\n\
            0x0040:   Name: GLIBC_PRIVATE  Flags: none  Version: 2\n\
            0x0050:   Name: GCC_3.0  Flags: none  Version: 6\n";
        assert_eq!(newest_glibc(symbols), (2, 34));
        assert_eq!(newest_glibc("No version information found"), (0, 0));
    }

    #[test]
    fn a_processor_that_there_is_not_is_named() {
        let words = Arch::parse("mips").unwrap_err().to_string();
        assert!(words.contains("`--arch mips`"), "{words}");
    }
}
