//! Outputs in a real browser: files and ladders, played by Chromium itself, by hls.js and by dash.js.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path as Named, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::mpsc};

use crate::harness::{System, file_url, make_clip};

/// How long a browser may take to start and to play two seconds.
const LIMIT: Duration = Duration::from_secs(60);

/// What the web server of a test knows.
struct Served {
    folder: PathBuf,
    results: mpsc::UnboundedSender<Value>,
}

/// A browser that ends with its test.
struct Browser {
    child: Child,
    _profile: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A web server for a folder and for a page that plays what lies in it.
async fn serve(folder: &Path) -> (String, mpsc::UnboundedReceiver<Value>) {
    let (results, told) = mpsc::unbounded_channel();
    let served = Arc::new(Served {
        folder: folder.to_owned(),
        results,
    });
    let result = |State(served): State<Arc<Served>>, body: Bytes| async move {
        served
            .results
            .send(serde_json::from_slice(&body).unwrap())
            .unwrap();
    };
    let player = |name: &'static str| {
        get(move || async move {
            let folder = std::env::var("NOMMER_TEST_PLAYERS").unwrap();
            let script = fs::read(Path::new(&folder).join(name)).unwrap();
            ([(header::CONTENT_TYPE, "text/javascript")], script)
        })
    };
    let app = Router::new()
        .route(
            "/play",
            get(|| async { Html(include_str!("playback.html")) }),
        )
        .route("/result", post(result))
        .route("/hls.js", player("hls.js"))
        .route("/dash.js", player("dash.js"))
        .route("/media/{*name}", get(media))
        .with_state(served);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, told)
}

/// A file or a range of it, as web servers and S3 give it.
async fn media(
    State(served): State<Arc<Served>>,
    Named(name): Named<String>,
    headers: HeaderMap,
) -> Response {
    let Ok(bytes) = fs::read(served.folder.join(&name)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = match name.rsplit('.').next() {
        Some("m3u8") => "application/vnd.apple.mpegurl",
        Some("mpd") => "application/dash+xml",
        Some("webm") => "video/webm",
        Some("vtt") => "text/vtt",
        _ => "video/mp4",
    };
    let kind = (header::CONTENT_TYPE, kind.to_owned());
    let range = headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok());
    let Some((from, to)) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-'))
    else {
        return ([kind, (header::ACCEPT_RANGES, "bytes".to_owned())], bytes).into_response();
    };
    let last = bytes.len() - 1;
    let from: usize = from.parse().unwrap();
    let to = to.parse().map_or(last, |to: usize| to.min(last));
    let told = (
        header::CONTENT_RANGE,
        format!("bytes {from}-{to}/{}", bytes.len()),
    );
    (
        StatusCode::PARTIAL_CONTENT,
        [kind, told],
        bytes[from..=to].to_vec(),
    )
        .into_response()
}

fn open(page: &str) -> Browser {
    let profile = TempDir::new().unwrap();
    let mut command = Command::new("chromium");
    let words = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --autoplay-policy=no-user-gesture-required";
    command.args(words.split_whitespace());
    command
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(page);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Browser {
        child: command.spawn().unwrap(),
        _profile: profile,
    }
}

fn body(system: &System, dest: &str, more: &Value) -> Value {
    let mut body = json!({"source_path": file_url(&system.path("in.mov")), "dest_path": file_url(&system.path(dest))});
    body.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_plays_files_and_ladders_itself_and_through_the_usual_players() {
    let system = System::start();
    make_clip(&system.path("in.mov"), 6, "1280x720");
    let words = system.path("a.vtt");
    fs::write(&words, "WEBVTT\n\n00:00.000 --> 00:05.000\nHello\n").unwrap();
    let captions = json!([{"source_path": file_url(&words), "language": "en"}]);
    let speed = json!({"speed": "ultrafast"});
    let jobs = [
        body(
            &system,
            "out/a.mp4",
            &json!({"outputs": [{"video": {"height": 360, "speed": "ultrafast"}}]}),
        ),
        body(
            &system,
            "out/a.webm",
            &json!({"outputs": [{"container": "webm", "video": {"height": 240, "speed": "8"}}]}),
        ),
        body(
            &system,
            "out/ladder/",
            &json!({"outputs": [{"container": "cmaf", "ladder": ["720p", "360p"], "video": speed}], "captions": captions}),
        ),
    ];
    for id in jobs.map(|job| system.submit(&job)) {
        system.finished(&id);
    }
    let (url, mut results) = serve(&system.path("out")).await;
    let cases = [
        ("native", "a.mp4", 360, false),
        ("native", "a.webm", 240, false),
        ("native", "ladder/master.m3u8", 0, true),
        ("hls.js", "ladder/master.m3u8", 0, true),
        ("dash.js", "ladder/manifest.mpd", 0, true),
    ];
    for (kind, file, height, words) in cases {
        let browser = open(&format!("{url}/play?kind={kind}&url=/media/{file}"));
        let told = tokio::time::timeout(LIMIT, results.recv()).await;
        drop(browser);
        let told = told
            .unwrap_or_else(|_| panic!("{kind} played nothing of {file}"))
            .unwrap();
        assert!(
            told["time"].as_f64().is_some_and(|time| time > 1.0),
            "{kind} {file}: {told}"
        );
        let shown = told["height"].as_u64().unwrap();
        assert!(
            shown == height || (height == 0 && matches!(shown, 360 | 720)),
            "{kind} {file}: {told}"
        );
        let lasts = told["duration"].as_f64().unwrap();
        assert!((lasts - 6.0).abs() < 0.1, "{kind} {file}: {told}");
        if words && kind != "native" {
            assert_eq!(told["words"], json!(["en"]), "{kind} {file}: {told}");
        }
    }
}
