//! The AWS emulators that tests talk to: ministack for everything but EC2, moto for EC2. One process of each for a run of the tests,
//! on a free port; a test takes names of its own within it and so shares nothing with others.
//!
//! `cargo xtask test` installs them and says where they are.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_sqs::config::Credentials;

use crate::harness::eventually;

/// A running emulator.
#[derive(Debug)]
pub(crate) struct Emulator {
    url: String,
    /// Reads its standard input and ends the emulator when the end of it comes, which is when this process ends, however it ends.
    _keeper: Child,
}

/// Runs a program for as long as somebody holds the other end of the standard input.
const KEEPER: &str = r#""$@" </dev/null >/dev/null 2>&1 & program=$!; read -r _; kill "$program""#;

impl Emulator {
    /// Where it answers: `http://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A client's configuration for it, with credentials that it takes.
    pub(crate) async fn config(&self) -> aws_config::SdkConfig {
        aws_config::defaults(BehaviorVersion::latest())
            .endpoint_url(&self.url)
            .region(Region::new(REGION))
            .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
            .load()
            .await
    }

    fn start(variable: &str, configure: impl Fn(&mut Command, u16)) -> Self {
        let program = std::env::var_os(variable)
            .unwrap_or_else(|| panic!("{variable} names no emulator; run `cargo xtask test`"));
        let port = free_port();
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper"]).arg(program);
        configure(&mut command, port);
        command
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_DEFAULT_REGION", REGION)
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let keeper = command.spawn().unwrap();
        eventually("an emulator to answer", || {
            TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self {
            url: format!("http://127.0.0.1:{port}"),
            _keeper: keeper,
        }
    }
}

/// The region that tests use.
pub(crate) const REGION: &str = "us-east-1";

/// A port that nobody listens on.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Everything but EC2.
pub(crate) fn ministack() -> &'static Emulator {
    static EMULATOR: OnceLock<Emulator> = OnceLock::new();
    EMULATOR.get_or_init(|| {
        Emulator::start("NOMMER_TEST_MINISTACK", |command, port| {
            command
                .env("GATEWAY_PORT", port.to_string())
                .env("BIND_HOST", "127.0.0.1")
                .env("MINISTACK_HOST", "127.0.0.1")
                .env("MINISTACK_IMDS_V2_REQUIRED", "1");
        })
    })
}

/// EC2.
pub(crate) fn moto() -> &'static Emulator {
    static EMULATOR: OnceLock<Emulator> = OnceLock::new();
    EMULATOR.get_or_init(|| {
        Emulator::start("NOMMER_TEST_MOTO", |command, port| {
            command.args(["-H", "127.0.0.1", "-p", &port.to_string()]);
        })
    })
}
