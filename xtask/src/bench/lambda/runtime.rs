//! Plays Lambda's runtime interface to one program at a time, and the AWS services to it: every call succeeds.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::{
        Arc, Condvar, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

/// Longest wait for a program.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is between the two sides.
#[derive(Debug, Default)]
struct Work {
    /// Requests that are still to be given.
    left: Mutex<u32>,
    more: Condvar,
}

/// The runtime interface.
#[derive(Debug)]
pub(super) struct Runtime {
    address: SocketAddr,
    work: Arc<Work>,
    /// When a program asked for work, and found none.
    polls: Receiver<Instant>,
}

impl Runtime {
    /// Starts it. Every request is this event.
    pub(super) fn start(event: &Path) -> Result<Self> {
        let event = fs::read_to_string(event).context("read the event")?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let work = Arc::new(Work::default());
        let (told, polls) = channel();
        let shared = Arc::clone(&work);
        thread::spawn(move || {
            for stream in listener.incoming().filter_map(io::Result::ok) {
                let (work, told, event) = (Arc::clone(&shared), told.clone(), event.clone());
                thread::spawn(move || serve(&stream, &event, &work, &told));
            }
        });
        Ok(Self {
            address,
            work,
            polls,
        })
    }

    pub(super) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Gives so many requests from now on, and forgets who asked.
    pub(super) fn hold(&self, requests: u32) {
        *self.work.left.lock().expect("no holder panics") = requests;
        while self.polls.try_recv().is_ok() {}
    }

    /// Waits until the program asks for work and finds none.
    pub(super) fn wait_for_poll(&self) -> Result<Instant> {
        let polled = self.polls.recv_timeout(PATIENCE);
        polled.context("the program did not ask for work")
    }

    /// Gives so many requests, one after the other, and waits until the program asks for more.
    pub(super) fn give(&self, requests: u32) -> Result<()> {
        *self.work.left.lock().expect("no holder panics") = requests;
        self.work.more.notify_all();
        self.wait_for_poll().map(drop)
    }
}

/// Answers what comes by one connection until it ends.
fn serve(stream: &TcpStream, event: &str, work: &Work, told: &Sender<Instant>) {
    let mut reader = BufReader::new(stream);
    while let Ok(Some(line)) = read(&mut reader) {
        let answered = if line.starts_with("GET") && line.contains("/invocation/next") {
            next(stream, event, work, told)
        } else if line.contains("/runtime/") {
            write(stream, "202 Accepted", "", "{}")
        } else {
            write(stream, "200 OK", "", "{}")
        };
        if answered.is_err() {
            return;
        }
    }
}

/// The first line of a request, its body left aside.
fn read(reader: &mut BufReader<&TcpStream>) -> io::Result<Option<String>> {
    let (mut first, mut length) = (None, 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
        first.get_or_insert_with(|| line.to_owned());
    }
    io::copy(&mut reader.take(length), &mut io::sink())?;
    Ok(first)
}

fn next(stream: &TcpStream, event: &str, work: &Work, told: &Sender<Instant>) -> io::Result<()> {
    let mut left = work.left.lock().expect("no holder panics");
    if *left == 0 {
        told.send(Instant::now()).ok();
        while *left == 0 {
            left = work.more.wait(left).expect("no holder panics");
        }
    }
    *left -= 1;
    drop(left);
    let headers = "Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
        Lambda-Runtime-Deadline-Ms: 4102444800000\r\n\
        Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:bench\r\n\
        Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700\r\n";
    write(stream, "200 OK", headers, event)
}

fn write(mut stream: &TcpStream, status: &str, headers: &str, body: &str) -> io::Result<()> {
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    stream.write_all(answer.as_bytes())
}
