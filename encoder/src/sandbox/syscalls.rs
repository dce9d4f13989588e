//! The system calls a sandboxed program may not make, enforced by seccomp.
//!
//! A list of what is denied, as the libraries below ffmpeg make too many harmless calls to list. What ffmpeg needs is
//! threads, memory and the files that Landlock grants. Two things keep such a list from ageing: calls newer than the list are
//! denied wholesale, and so are other numbering schemes for the same calls.

use std::collections::BTreeMap;

use nix::libc;
use nix::unistd::getpid;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op,
    SeccompCondition, SeccompFilter, SeccompRule, apply_filter,
};

/// Calls by number, with the conditions under which they are denied: no condition is always.
type Denied = BTreeMap<i64, Vec<SeccompRule>>;

/// Calls that are denied whatever their arguments.
const ALWAYS: &[i64] = &[
    // The network and other ways to talk to processes. Pipes are inherited, sockets are not.
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_shmget,
    libc::SYS_semget,
    libc::SYS_msgget,
    libc::SYS_mq_open,
    // Leaving the process group, and programs that are no file Landlock could judge.
    libc::SYS_setsid,
    libc::SYS_setpgid,
    libc::SYS_execveat,
    libc::SYS_memfd_create,
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    // Metadata of any file of the same owner, which Landlock does not guard; truncation, which it guards from version 3;
    // and links, which the encoder might follow.
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    libc::SYS_utimensat,
    libc::SYS_truncate,
    libc::SYS_mknodat,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    // Namespaces and mounts.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_quotactl,
    // Corners of the kernel that serve exploits more often than encoders.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_personality,
    libc::SYS_vmsplice,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
];

/// The older forms of those calls, which arm64 never had.
#[cfg(target_arch = "x86_64")]
const ALWAYS_HERE: &[i64] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_futimesat,
    libc::SYS_mknod,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
];
#[cfg(not(target_arch = "x86_64"))]
const ALWAYS_HERE: &[i64] = &[];

/// Calls since Linux 5.1, numbered alike on all architectures, and room for those to come: `io_uring`, the new mount
/// calls, `clone3`, `pidfd_getfd`, `fchmodat2` and their like.
///
/// The C library is built to meet older kernels, so "no such call" sends it back to the calls judged above.
const SINCE_5_1: std::ops::Range<i64> = 424..512;

/// The bit that selects the x32 numbering on x86-64, and the calls that only exist there
/// (`arch/x86/entry/syscalls/syscall_64.tbl`). No other numbering passes the filter's check of the architecture.
#[cfg(target_arch = "x86_64")]
const X32_BIT: i64 = 0x4000_0000;
#[cfg(target_arch = "x86_64")]
const X32_ONLY: std::ops::Range<i64> = 512..548;

/// Denies those calls to this thread and what it becomes.
pub(super) fn restrict() -> Result<(), seccompiler::Error> {
    let unknown = SINCE_5_1.map(|call| (call, Vec::new())).collect();
    apply_filter(&filter(unknown, libc::ENOSYS)?)?;
    apply_filter(&filter(forbidden()?, libc::EPERM)?)
}

fn forbidden() -> Result<Denied, BackendError> {
    let mut denied: Denied = ALWAYS
        .iter()
        .chain(ALWAYS_HERE)
        .map(|call| (*call, Vec::new()))
        .collect();
    // New threads, but no new processes.
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    denied.insert(libc::SYS_clone, vec![when(0, Op::MaskedEq(thread), 0)?]);
    // Signals and limits for itself only. `tgkill` is how a C library aborts and cancels threads.
    let own = u64::from(getpid().as_raw().unsigned_abs());
    for call in [libc::SYS_kill, libc::SYS_tgkill] {
        denied.insert(call, vec![when(0, Op::Ne, own)?]);
    }
    denied.insert(libc::SYS_prlimit64, vec![when(0, Op::Ne, 0)?]);
    // Opening for reading can truncate too, which Landlock does not see before version 3.
    let truncating = u64::from((libc::O_ACCMODE | libc::O_TRUNC).unsigned_abs());
    let read_and_truncate = u64::from((libc::O_RDONLY | libc::O_TRUNC).unsigned_abs());
    let rule = |argument| when(argument, Op::MaskedEq(truncating), read_and_truncate);
    denied.insert(libc::SYS_openat, vec![rule(2)?]);
    #[cfg(target_arch = "x86_64")]
    denied.insert(libc::SYS_open, vec![rule(1)?]);
    Ok(denied)
}

/// A condition on one 32-bit argument, counted from 0.
fn when(argument: u8, op: Op, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(
        argument,
        Len::Dword,
        op,
        value,
    )?])
}

fn filter(denied: Denied, errno: i32) -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(
        in_every_numbering(denied),
        SeccompAction::Allow,
        SeccompAction::Errno(errno.unsigned_abs()),
        std::env::consts::ARCH.try_into()?,
    )?
    .try_into()
}

#[cfg(target_arch = "x86_64")]
fn in_every_numbering(mut denied: Denied) -> Denied {
    let x32: Denied = denied
        .iter()
        .map(|(call, rules)| (call | X32_BIT, rules.clone()))
        .chain(X32_ONLY.map(|call| (call | X32_BIT, Vec::new())))
        .collect();
    denied.extend(x32);
    denied
}

#[cfg(not(target_arch = "x86_64"))]
fn in_every_numbering(denied: Denied) -> Denied {
    denied
}
