//! The metadata service of one instance: who it is, and whether it may stay.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// What EC2 means to do with the instance.
#[derive(Clone, Debug, Default)]
pub(super) struct Notice(Arc<AtomicBool>);

impl Notice {
    /// The instance is taken away in two minutes.
    pub(super) fn give(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Serves until the test process ends. Gives its address.
pub(super) fn start(instance: &str, notice: &Notice) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (instance, notice) = (instance.to_owned(), notice.clone());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (instance, notice) = (instance.clone(), notice.clone());
            thread::spawn(move || answer(stream, &instance, &notice));
        }
    });
    url
}

fn answer(mut stream: TcpStream, instance: &str, notice: &Notice) {
    let reader = BufReader::new(stream.try_clone().unwrap());
    let mut lines = reader.lines().map_while(Result::ok);
    let line = lines.next().unwrap_or_default();
    let with_token = lines
        .take_while(|line| !line.is_empty())
        .any(|line| line.to_lowercase() == "x-aws-ec2-metadata-token: token");
    let (status, body) = match line.split(' ').take(2).collect::<Vec<_>>().as_slice() {
        ["PUT", "/latest/api/token"] => (200, "token"),
        _ if !with_token => (401, ""),
        ["GET", "/latest/meta-data/instance-id"] => (200, instance),
        ["GET", "/latest/meta-data/spot/instance-action"] if notice.0.load(Ordering::SeqCst) => (
            200,
            r#"{"action": "terminate", "time": "2030-01-01T00:00:00Z"}"#,
        ),
        _ => (404, ""),
    };
    let length = body.len();
    // A client that went away needs no answer.
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .ok();
}
