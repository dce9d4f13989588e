//! The HTTP server of local mode: bounded in connections, in what a request's head may hold, and in how long it may take to come.
//!
//! A client that sends a byte a minute, or nothing, is closed; one that is slow to read or to be answered is not hurried.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::{Router, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service as _;

use crate::guard::Guard;

/// Connections at once. More wait until one of these ends. Each may hold a body of at most 256 KiB.
const CONNECTIONS: usize = 1_024;

/// How long the head of a request may take to come, and how long a connection may be kept without one.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// Bytes that are kept of a connection while a request's head comes; the largest head that is answered.
const HEAD_BYTES: usize = 64 << 10;

/// Pause after a connection could not be taken, for example because there are too many open files.
const FAULT_PAUSE: Duration = Duration::from_millis(100);

/// How long connections may take to end once the server is to stop.
const FAREWELL: Duration = Duration::from_secs(10);

/// Serves those whom the guard lets in until it is time to stop, and then until what was asked is answered.
pub(crate) async fn serve(
    listener: TcpListener,
    guard: Guard,
    routes: Router,
    stop: CancellationToken,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let open = TaskTracker::new();
    loop {
        let next = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (listener.accept().await, place)
        };
        let Some((accepted, place)) = stop.run_until_cancelled(next).await else {
            break;
        };
        match accepted {
            Ok((stream, _)) => {
                let (routes, stop) = (routes.clone(), stop.clone());
                open.spawn(async move {
                    answer(stream, guard, routes, stop).await;
                    drop(place);
                });
            }
            Err(error) => {
                ::tracing::warn!(%error, "a connection was not taken");
                tokio::time::sleep(FAULT_PAUSE).await;
            }
        }
    }
    open.close();
    tokio::time::timeout(FAREWELL, open.wait()).await.ok();
}

/// Answers what comes by one connection until it ends.
async fn answer(stream: TcpStream, guard: Guard, routes: Router, stop: CancellationToken) {
    // Answers go out when they are there.
    stream.set_nodelay(true).ok();
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = guard
            .check(request.headers())
            .map(|()| routes.clone().call(request));
        async move {
            match answer {
                Ok(answer) => answer.await,
                Err(refused) => Ok(*refused),
            }
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // Clients hang up, and say what is not HTTP: that is theirs to know.
    if let Err(error) = ended {
        ::tracing::debug!(%error, "a connection broke");
    }
}
