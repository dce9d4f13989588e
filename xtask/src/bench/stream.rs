//! A source on a web server, encoded while it arrives, against a download and an encode one after the other. The server sends as fast as
//! FFmpeg encodes: there, waiting for the one before the other costs the most.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::{Row, lavfi, measure};
use crate::{process, workspace::Workspace};

/// How often each command is measured.
const ROUNDS: usize = 3;

/// What both encode with: what `nommer` says for the job below.
const OPTIONS: &str = "-vf scale=1280:720,setsar=1,format=yuv420p -c:v libx264 -preset:v veryfast -profile:v high -crf:v 23 -c:a aac -b:a 128k";

const JOB: &str = r#"{"outputs": [{"video": {"height": 720, "speed": "veryfast", "crf": 23}}]}"#;

const FFMPEG: &str = "ffmpeg -y -nostdin -hide_banner -nostats -loglevel error";

/// How often a second the server sends.
const BEATS: u32 = 100;

/// Compares them.
///
/// # Errors
/// The program does not build; a command fails.
pub(super) fn run(workspace: &Workspace) -> Result<Vec<Row>> {
    process::run(&mut workspace.cargo(["build", "--release", "--package", "nommer"]))?;
    let nommer = workspace.target().join("release/nommer");
    let folder = workspace.tools().join("bench-stream");
    fs::create_dir_all(&folder)?;
    let source = folder.join("source.mp4");
    make_source(workspace, &source)?;
    let (job, data) = (folder.join("job.json"), folder.join("data"));
    fs::write(&job, JOB).context("write the job")?;
    let encode = format!(
        "cd {} && {FFMPEG} -i source.mp4 {OPTIONS} -f mp4 late.mp4",
        folder.display()
    );
    let shell = |script: String| vec!["sh".into(), "-c".into(), script.into()];
    let alone = measure::compare(
        1,
        &[measure::Variant {
            label: "",
            argv: shell(encode),
        }],
    )?;
    let media = fs::read(&source)?;
    let seconds = alone[0].cost.wall.as_secs_f64();
    let url = serve(media, seconds)?;
    let get = |name: &str| format!("cd {} && curl -sSf -o {name} {url}", folder.display());
    let then = format!(
        "{FFMPEG} -i copy.mp4 {OPTIONS} -f mp4 late.mp4 && qt-faststart late.mp4 first.mp4"
    );
    let ours = [
        "env",
        "NOMMER_NETWORK__ALLOW_PRIVATE_NETWORK=true",
        &nommer.display().to_string(),
        "--data-dir",
        &data.display().to_string(),
        "encode",
        &url,
        &folder.join("ours.mp4").display().to_string(),
        "--file",
        &job.display().to_string(),
    ];
    let rows = measure::compare(
        ROUNDS,
        &[
            measure::Variant {
                label: "download, then encode",
                argv: shell(format!("{} && {then}", get("copy.mp4"))),
            },
            measure::Variant {
                label: "download alone",
                argv: shell(get("other.mp4")),
            },
            measure::Variant {
                label: "encode while it arrives",
                argv: ours.map(Into::into).to_vec(),
            },
        ],
    );
    fs::remove_dir_all(&folder)?;
    rows
}

/// Ten seconds of a real film in 1080p, with the index at the end.
fn make_source(workspace: &Workspace, source: &Path) -> Result<()> {
    let film = workspace.tools().join("clips/bigbuckbunny.mp4");
    let mut ffmpeg = lavfi(&[]);
    ffmpeg.args(["-stream_loop", "2", "-i"]).arg(film);
    ffmpeg.args([
        "-t",
        "15",
        "-vf",
        "scale=1920:1080",
        "-c:v",
        "libx264",
        "-b:v",
        "12M",
        "-c:a",
        "aac",
    ]);
    process::run(ffmpeg.arg(source))
}

/// Serves the media, and ranges of it, so that all of it takes so many seconds. It ends with this program.
fn serve(media: Vec<u8>, seconds: f64) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").context("listen on this machine")?;
    let url = format!("http://{}/source.mp4", listener.local_addr()?);
    let media = Arc::new(media);
    thread::spawn(move || {
        for stream in listener.incoming().filter_map(Result::ok) {
            let media = Arc::clone(&media);
            // Whoever hangs up has what it wants.
            thread::spawn(move || answer(stream, &media, seconds).ok());
        }
    });
    Ok(url)
}

fn answer(mut stream: TcpStream, media: &[u8], seconds: f64) -> io::Result<()> {
    let (mut from, mut to, mut status) = (0, media.len(), "200 OK".to_owned());
    for line in BufReader::new(&stream).lines() {
        let line = line?.to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some((first, last)) = line
            .strip_prefix("range: bytes=")
            .and_then(|range| range.split_once('-'))
        {
            from = first.parse().unwrap_or(0);
            to = last.parse::<usize>().map_or(to, |last| to.min(last + 1));
            status = format!(
                "206 Partial Content\r\nContent-Range: bytes {from}-{}/{}",
                to - 1,
                media.len()
            );
        }
    }
    let head = format!(
        "HTTP/1.1 {status}\r\nETag: \"1\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        to - from
    );
    stream.write_all(head.as_bytes())?;
    let beat = Duration::from_secs(1) / BEATS;
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate, not a count"
    )]
    let step = (media.len() as f64 / seconds / f64::from(BEATS)).ceil() as usize;
    let mut due = Instant::now();
    for chunk in media[from..to].chunks(step.max(1)) {
        stream.write_all(chunk)?;
        due += beat;
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok(())
}
