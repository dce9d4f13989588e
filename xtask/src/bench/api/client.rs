//! A client that costs next to nothing: HTTP/1.1 on one kept connection, written by hand. It shares the cores with what it measures.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

/// Longest wait for a part of an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// One kept connection.
#[derive(Debug)]
pub(super) struct Client {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Client {
    /// Connects to `host:port`.
    pub(super) fn connect(host: &str) -> Result<Self> {
        let stream = TcpStream::connect(host).with_context(|| format!("connect to {host}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream: BufReader::with_capacity(256 << 10, stream),
            host: host.to_owned(),
        })
    }

    /// What lies at an address.
    pub(super) fn get(&mut self, path: &str) -> Result<String> {
        let host = &self.host;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        self.ask(&request, 200)
    }

    /// Sends JSON, by which something is made; the promise of the caller goes with it.
    pub(super) fn post(&mut self, path: &str, key: &str, body: &str) -> Result<String> {
        let (host, length) = (&self.host, body.len());
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.ask(&request, 201)
    }

    /// One request and its answer, which must have the status that is expected.
    fn ask(&mut self, request: &str, expected: u16) -> Result<String> {
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (status, answer) = self.answer()?;
        let first = request.lines().next().unwrap_or_default();
        ensure!(status == expected, "{first} answered {status}: {answer}");
        Ok(answer)
    }

    fn answer(&mut self) -> Result<(u16, String)> {
        let (mut status, mut length) = (None, 0);
        let mut line = String::new();
        loop {
            line.clear();
            ensure!(self.stream.read_line(&mut line)? > 0, "the server hung up");
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            match (status, text.split_once(':')) {
                (None, _) => status = text.split(' ').nth(1).and_then(|word| word.parse().ok()),
                (Some(_), Some((name, value))) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse()?;
                }
                (Some(_), _) => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        let status = status.context("the answer has no status")?;
        Ok((status, String::from_utf8(body)?))
    }
}

/// What a number of requests took.
#[derive(Debug, Default)]
pub(super) struct Load {
    /// From the first to the last.
    pub(super) wall: Duration,
    /// Each of them, sorted.
    pub(super) times: Vec<Duration>,
}

impl Load {
    /// The time within which so many of a hundred requests were answered.
    pub(super) fn at(&self, percent: usize) -> Duration {
        let rank = (self.times.len() * percent).div_ceil(100);
        let time = self.times.get(rank.saturating_sub(1));
        time.copied().unwrap_or_default()
    }

    /// Requests a second.
    pub(super) fn rate(&self) -> f64 {
        super::float(self.times.len()) / self.wall.as_secs_f64()
    }
}

/// Makes `count` requests by so many clients at once. `request` is told the request's number.
pub(super) fn load(
    host: &str,
    clients: usize,
    count: usize,
    request: impl Fn(&mut Client, usize) -> Result<()> + Sync,
) -> Result<Load> {
    let start = Barrier::new(clients + 1);
    let work = |first: usize| -> Result<Vec<Duration>> {
        let client = Client::connect(host);
        start.wait();
        let mut client = client?;
        let each = (first..count).step_by(clients).map(|number| {
            let begun = Instant::now();
            request(&mut client, number)?;
            Ok(begun.elapsed())
        });
        each.collect()
    };
    let (wall, times) = thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|first| scope.spawn(move || work(first)))
            .collect();
        start.wait();
        let begun = Instant::now();
        let times: Result<Vec<_>> = threads
            .into_iter()
            .map(|thread| thread.join().expect("a client does not panic"))
            .collect();
        (begun.elapsed(), times)
    });
    let mut times = times?.concat();
    times.sort_unstable();
    Ok(Load { wall, times })
}
