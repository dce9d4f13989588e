//! A web server for tests: answers as it is told, and keeps what it was asked.

use std::{
    fmt::Write as _,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_credential_types::Credentials;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

/// Tries of a call under [`sdk`].
pub(crate) const TRIES: u32 = 3;

/// The role's credentials under [`sdk`].
pub(crate) const ROLE: &str = "AKIDROLE";
pub(crate) const ROLE_SECRET: &str = "role-secret-canary";

/// A configuration as the programs have, for a fake: with shorter waits, and so long for a try.
pub(crate) async fn sdk(endpoint: &str, limit: Duration) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new(ROLE, ROLE_SECRET, None, None, "tests"))
        .retry_config(
            RetryConfig::standard()
                .with_max_attempts(TRIES)
                .with_initial_backoff(Duration::from_millis(1)),
        )
        .timeout_config(
            TimeoutConfig::builder()
                .operation_attempt_timeout(limit)
                .build(),
        )
        .load()
        .await
}

/// What it was asked.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Method, path and query.
    pub(crate) line: String,
    /// Names in lower case, and values.
    headers: Vec<(String, String)>,
    /// Which of its connections it came by.
    pub(crate) connection: usize,
    /// What came with it.
    pub(crate) body: Vec<u8>,
}

impl Asked {
    /// A header's value.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it is such a request, by the method and what the path or query has.
    pub(crate) fn is(&self, method: &str, part: &str) -> bool {
        self.line.starts_with(method) && self.line.contains(part)
    }
}

/// What it answers.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Bytes of the body that are sent before the connection ends; all if none.
    cut: Option<usize>,
    /// How long it takes.
    delay: Duration,
}

impl Answer {
    /// An answer with this body.
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            cut: None,
            delay: Duration::ZERO,
        }
    }

    /// A fault as S3 words it.
    pub(crate) fn fault(status: u16, code: &str) -> Self {
        let xml = format!("<Error><Code>{code}</Code><Message>so says S3</Message></Error>");
        Self::new(status, xml)
    }

    /// A fault as services that speak JSON word it.
    pub(crate) fn json_fault(status: u16, code: &str) -> Self {
        let body = format!(r#"{{"__type":"com.amazonaws#{code}","message":"so says AWS"}}"#);
        Self::new(status, body)
    }

    /// Adds a header.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Keeps the caller waiting.
    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// None at all, ever.
    pub(crate) fn never() -> Self {
        Self::new(500, "").after(FOR_EVER)
    }

    /// Turns a bit of the body.
    pub(crate) fn damaged(mut self) -> Self {
        self.body[0] ^= 1;
        self
    }

    /// Ends the connection after so many bytes of the body.
    pub(crate) fn cut_after(mut self, bytes: usize) -> Self {
        self.cut = Some(bytes);
        self
    }
}

/// Longer than any test.
const FOR_EVER: Duration = Duration::from_hours(1);

/// The server. Ends with the runtime of its test.
#[derive(Debug)]
pub(crate) struct Fake {
    /// Where it answers.
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// Starts one. No answer is a connection that ends without one, after the request arrived.
    pub(crate) async fn start(
        answer: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (kept, answer) = (Arc::clone(&asked), Arc::new(answer));
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    while let Ok(request) = read(&mut stream, connection).await {
                        kept.lock().unwrap().push(request.clone());
                        let Some(answer) = answer(&request) else {
                            return;
                        };
                        let head_only = request.line.starts_with("HEAD");
                        if !write(stream.get_mut(), answer, head_only)
                            .await
                            .unwrap_or(false)
                        {
                            return;
                        }
                    }
                });
            }
        });
        Self { url, asked }
    }

    /// All that it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn read(stream: &mut BufReader<TcpStream>, connection: usize) -> io::Result<Asked> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers = lines.iter().skip(1).filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_lowercase(), value.trim().to_owned()))
    });
    let mut asked = Asked {
        line: lines[0].clone(),
        headers: headers.collect(),
        connection,
        body: Vec::new(),
    };
    if asked.header("expect") == Some("100-continue") {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let length = asked.header("content-length").unwrap_or("0");
    asked.body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut asked.body).await?;
    Ok(asked)
}

/// Says whether the connection goes on.
async fn write(stream: &mut TcpStream, answer: Answer, head_only: bool) -> io::Result<bool> {
    tokio::time::sleep(answer.delay).await;
    let mut head = format!(
        "HTTP/1.1 {} .\r\ncontent-length: {}\r\n",
        answer.status,
        answer.body.len()
    );
    for (name, value) in &answer.headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).await?;
    if !head_only {
        let sent = answer.cut.unwrap_or(answer.body.len());
        stream.write_all(&answer.body[..sent]).await?;
    }
    stream.flush().await?;
    Ok(answer.cut.is_none())
}
