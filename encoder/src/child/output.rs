//! What a program prints: both pipes are read as it goes, into bounded memory or the caller's hands.

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{ChildStderr, ChildStdout};

use super::lines::LineSplitter;
use super::{Captured, Pulse, Tail};

/// Bytes read from a pipe at a time.
const CHUNK_BYTES: usize = 8 * 1024;

/// Where standard output goes.
pub(super) enum Stdout<'a> {
    /// To the caller, line by line.
    Lines(&'a mut (dyn FnMut(&str) -> Pulse + Send)),
    /// To memory, up to a cap in bytes.
    Capture { cap: usize, into: &'a mut Captured },
}

/// The outputs of one program and where they go.
pub(super) struct Outputs<'a> {
    stdout: Pipe<ChildStdout>,
    stderr: Pipe<ChildStderr>,
    sink: Stdout<'a>,
    lines: LineSplitter,
    messages: LineSplitter,
    tail: Tail,
}

impl<'a> Outputs<'a> {
    /// Nothing read yet. A pipe that is not there counts as closed.
    pub(super) fn new(
        stdout: Option<ChildStdout>,
        stderr: Option<ChildStderr>,
        sink: Stdout<'a>,
    ) -> Self {
        Self {
            stdout: Pipe::new(stdout),
            stderr: Pipe::new(stderr),
            sink,
            lines: LineSplitter::default(),
            messages: LineSplitter::default(),
            tail: Tail::default(),
        }
    }

    /// Reads what comes next on either pipe; never ready once both are closed. Cancel safe.
    pub(super) async fn read(&mut self) -> Pulse {
        tokio::select! {
            bytes = self.stdout.read() => take(&mut self.sink, &mut self.lines, bytes),
            bytes = self.stderr.read() => {
                self.messages.push(bytes, |line| self.tail.push(line));
                Pulse::Unchanged
            }
        }
    }

    /// Reads until both pipes are closed.
    pub(super) async fn read_to_end(&mut self) {
        while !(self.stdout.closed() && self.stderr.closed()) {
            self.read().await;
        }
    }

    /// The last lines of standard error. A last line of standard output that has no end is no progress line.
    pub(super) fn into_tail(mut self) -> Tail {
        self.messages.finish(|line| self.tail.push(line));
        self.tail
    }
}

/// Puts bytes of standard output where they belong.
fn take(sink: &mut Stdout<'_>, lines: &mut LineSplitter, bytes: &[u8]) -> Pulse {
    let mut pulse = Pulse::Unchanged;
    match sink {
        Stdout::Lines(on_line) => lines.push(bytes, |line| {
            if on_line(line) == Pulse::Advanced {
                pulse = Pulse::Advanced;
            }
        }),
        Stdout::Capture { cap, into } => {
            let room = cap.saturating_sub(into.bytes.len()).min(bytes.len());
            into.bytes.extend_from_slice(&bytes[..room]);
            into.truncated |= room < bytes.len();
            if !bytes.is_empty() {
                pulse = Pulse::Advanced;
            }
        }
    }
    pulse
}

/// One of the program's outputs.
struct Pipe<R> {
    /// Gone once it is closed.
    from: Option<R>,
    chunk: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Pipe<R> {
    fn new(from: Option<R>) -> Self {
        Self {
            from,
            chunk: vec![0; CHUNK_BYTES],
        }
    }

    fn closed(&self) -> bool {
        self.from.is_none()
    }

    /// The next bytes; nothing, once, when it closes; then never ready again. Cancel safe.
    async fn read(&mut self) -> &[u8] {
        let Some(from) = &mut self.from else {
            return std::future::pending().await;
        };
        if let Ok(length @ 1..) = from.read(&mut self.chunk).await {
            return &self.chunk[..length];
        }
        self.from = None;
        &[]
    }
}
