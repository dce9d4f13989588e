//! The files a sandboxed program may touch, enforced by Landlock.
//!
//! What Landlock cannot see (modes, owners, times, and truncation before version 3) is denied in `syscalls`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, Scope, make_bitflags, path_beneath_rules,
};

use super::elf;

/// What any program may read, where it exists: libraries, codec data, fonts, the machine's shape. No secret lives there.
///
/// `/nix/store` is where that system keeps every library, readable by all users.
const READ_ONLY: [&str; 14] = [
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/etc/ld.so.cache",
    "/etc/fonts",
    "/var/cache/fontconfig",
    "/dev/null",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
    "/proc/cpuinfo",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
];

/// Bytes at the start of an executable in which its headers and its loader's name are sought; linkers put them there.
const ELF_HEAD_BYTES: u64 = 4096;

/// What is handled, and so denied unless a rule grants it: all that any kernel offers so far.
const HANDLED: ABI = ABI::V10;

/// What a program may do in its job folder.
///
/// No symbolic links, devices, pipes or sockets: the encoder reads this folder later, with rights of its own.
const JOB_FOLDER: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
    ReadFile | ReadDir | WriteFile | Truncate | RemoveFile | RemoveDir | MakeReg | MakeDir
});

/// Why the files could not be confined.
#[derive(Debug, thiserror::Error)]
pub(super) enum FilesError {
    #[error("the kernel has no Landlock, or it is not enabled at boot")]
    Absent,
    #[error("the kernel refused the rules: {0}")]
    Rules(#[from] RulesetError),
    #[error("read the program's header: {0}")]
    Program(#[from] io::Error),
}

/// Confines this thread, and what it becomes, to the current folder, the system's files and `executable`.
///
/// Answers the Landlock version in force. TCP and signals to outside are denied too where the kernel can.
pub(super) fn restrict(executable: &Path, read_only: &[PathBuf]) -> Result<u32, FilesError> {
    let runnable = [
        Some(executable.to_owned()),
        elf::interpreter(&head_of(executable)?),
    ];
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    let status = everything_denied()?
        .add_rules(path_beneath_rules(READ_ONLY, read))?
        .add_rules(path_beneath_rules(read_only, read))?
        .add_rules(path_beneath_rules(["/dev/null"], AccessFs::WriteFile))?
        .add_rules(path_beneath_rules(
            runnable.into_iter().flatten(),
            make_bitflags!(AccessFs::{ReadFile | Execute}),
        ))?
        .add_rules(path_beneath_rules(["."], JOB_FOLDER))?
        .restrict_self()?;
    match status.landlock {
        LandlockStatus::Available {
            effective_abi,
            kernel_abi,
        } => Ok(kernel_abi
            .and_then(|abi| abi.try_into().ok())
            .unwrap_or(effective_abi as u32)),
        _ => Err(FilesError::Absent),
    }
}

fn everything_denied() -> Result<RulesetCreated, RulesetError> {
    Ruleset::default()
        .handle_access(AccessFs::from_all(HANDLED))?
        .handle_access(AccessNet::from_all(HANDLED))?
        .scope(Scope::from_all(HANDLED))?
        .create()
}

fn head_of(executable: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(executable)?
        .take(ELF_HEAD_BYTES)
        .read_to_end(&mut head)?;
    Ok(head)
}
