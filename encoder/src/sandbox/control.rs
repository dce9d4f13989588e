//! The socket between the encoder and the helper: its life is the permission to run, its content is the verdict.
//!
//! Only our own code writes to it; the sandboxed program never holds it. The encoder writes nothing.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::SandboxReport;

/// Bytes of verdict that are read: a few short lines, so more would be a bug of ours.
const MAX_VERDICT_BYTES: u64 = 64 * 1024;

/// What the program used up, from `getrusage` of its ended process tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// User and system time.
    pub cpu: Duration,
    /// The largest resident set of any of its processes, in bytes.
    pub peak_memory_bytes: u64,
}

/// One line on the socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Event {
    /// The layers are on; the program starts next.
    Applied(SandboxReport),
    /// The program will not be started.
    Refused(String),
    /// The system could not start the program; the system's error number.
    ExecFailed(i32),
    /// The program ended.
    Exited(Exit),
}

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Its exit code, when it ended by itself.
    pub code: Option<i32>,
    /// The signal that ended it, otherwise.
    pub signal: Option<i32>,
    /// What it used up, when the system said.
    pub usage: Option<Usage>,
}

/// All that the helper said about a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What the sandbox could apply; absent when it never came so far.
    pub report: Option<SandboxReport>,
    /// Why the helper refused to run the program.
    pub refused: Option<String>,
    /// The system's error number when the program could not be started.
    pub exec_errno: Option<i32>,
    /// How the program ended; absent when the helper was killed first.
    pub exit: Option<Exit>,
}

/// The encoder's end. Dropping it kills the program and all it started.
#[derive(Debug)]
pub struct Control(UnixStream);

impl Control {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self(stream)
    }

    /// What the helper said; to be called when it has ended. Lines that cannot be read are left out.
    pub fn finish(self) -> Verdict {
        let mut text = Vec::new();
        // Whatever arrived before an error still counts. Not blocking, in case the helper lives on.
        if self.0.set_nonblocking(true).is_ok() {
            self.0.take(MAX_VERDICT_BYTES).read_to_end(&mut text).ok();
        }
        let mut verdict = Verdict::default();
        for line in text.split(|byte| *byte == b'\n') {
            match serde_json::from_slice(line) {
                Ok(Event::Applied(report)) => verdict.report = Some(report),
                Ok(Event::Refused(why)) => verdict.refused = Some(why),
                Ok(Event::ExecFailed(errno)) => verdict.exec_errno = Some(errno),
                Ok(Event::Exited(exit)) => verdict.exit = Some(exit),
                Err(_) => {}
            }
        }
        verdict
    }
}

/// The helper's end, which is its standard input. A copy, as the program is to get an empty standard input.
pub(super) fn helper_end() -> io::Result<File> {
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// Sends one event. An encoder that is gone cannot be told, and needs no telling.
pub(super) fn send(mut socket: &File, event: &Event) {
    if let Ok(mut line) = serde_json::to_vec(event) {
        line.push(b'\n');
        socket.write_all(&line).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::OwnedFd;

    #[test]
    fn a_verdict_is_what_the_helper_sent() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let helper = File::from(OwnedFd::from(theirs));
        let exit = Exit {
            code: Some(3),
            signal: None,
            usage: None,
        };
        send(&helper, &Event::ExecFailed(2));
        send(&helper, &Event::Exited(exit));
        drop(helper);
        let expected = Verdict {
            exec_errno: Some(2),
            exit: Some(exit),
            ..Verdict::default()
        };
        assert_eq!(Control::new(ours).finish(), expected);
    }

    #[test]
    fn a_helper_that_lives_on_does_not_block_the_verdict() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        assert_eq!(Control::new(ours).finish(), Verdict::default());
        drop(theirs);
    }
}
