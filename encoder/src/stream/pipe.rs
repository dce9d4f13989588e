//! The pipe through which FFmpeg reads a source, and what goes wrong with it.

use std::{
    io::{self, ErrorKind},
    path::Path,
    pin::pin,
    time::Duration,
};

use nix::{errno::Errno, sys::stat::Mode, unistd::mkfifo};
use nommer_core::ports::MediaError;
use tokio::{
    net::unix::pipe::{OpenOptions, Sender},
    time::sleep,
};
use tokio_util::sync::CancellationToken;

/// Pause between two looks for a reader of the pipe, and for more of a file that still grows.
pub(super) const LOOK: Duration = Duration::from_millis(5);

/// Waits for a program that reads a pipe, while that is filled. What the filling fails with ends the program.
pub(crate) async fn beside<T>(
    program: impl Future<Output = T>,
    filling: impl Future<Output = Result<(), MediaError>>,
    stop: &CancellationToken,
) -> Result<T, MediaError> {
    let mut program = pin!(program);
    tokio::select! {
        biased;
        done = &mut program => Ok(done),
        filled = filling => {
            if let Err(error) = filled {
                stop.cancel();
                program.await;
                return Err(error);
            }
            Ok(program.await)
        }
    }
}

/// Makes the pipe.
pub(crate) fn make_pipe(at: &Path) -> Result<(), MediaError> {
    mkfifo(at, Mode::S_IRUSR | Mode::S_IWUSR).map_err(|error| broken(&error.into()))
}

/// The pipe's writing end, once somebody reads: a pipe without a reader would lose what is written before it is closed.
pub(super) async fn writer(pipe: &Path) -> io::Result<Sender> {
    loop {
        match OpenOptions::new().open_sender(pipe) {
            Err(error) if error.raw_os_error() == Some(Errno::ENXIO as i32) => sleep(LOOK).await,
            opened => return opened,
        }
    }
}

/// Whether there is still a reader.
pub(super) fn goes_on(written: io::Result<()>) -> Result<bool, MediaError> {
    match written {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(broken(&error)),
    }
}

pub(super) fn broken(error: &io::Error) -> MediaError {
    MediaError::Unavailable {
        what: "hand the source to FFmpeg".to_owned(),
        detail: error.to_string(),
    }
}
