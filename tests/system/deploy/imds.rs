//! The metadata service of one instance: who it is, and that it may stay.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    thread,
};

/// Serves until the test process ends. Gives its address.
pub(super) fn start(instance: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let instance = instance.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let instance = instance.clone();
            thread::spawn(move || answer(stream, &instance));
        }
    });
    url
}

fn answer(mut stream: TcpStream, instance: &str) {
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
