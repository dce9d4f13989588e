//! Sources and receivers on a real web server of this machine.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a failed test")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, response::Redirect, routing::get};
use nommer_core::{
    address::NetworkRules,
    notify::{Message, Method},
    ports::{MediaError, MediaStorage, Notifier},
    uri::{MediaUri, NotifyUrl, UriRules},
};
use nommer_http::{HttpNotifier, HttpSource};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

const MEDIA: &[u8] = b"0123456789abcdef";

async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Rules that reach this one server of this machine.
fn reaching(address: SocketAddr) -> NetworkRules {
    NetworkRules {
        extra_allowed: vec![address],
        ..NetworkRules::default()
    }
}

fn uri(address: SocketAddr, path: &str) -> MediaUri {
    let rules = UriRules {
        network: reaching(address),
        ..UriRules::default()
    };
    MediaUri::parse_source(&format!("http://{address}{path}"), &rules).unwrap()
}

async fn fetch(address: SocketAddr, path: &str) -> (Result<Option<u64>, MediaError>, Vec<u8>) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("source");
    let source = HttpSource::new(reaching(address)).unwrap();
    let fetched = source
        .fetch(&uri(address, path), None, u64::MAX, &file)
        .await
        .map(|facts| facts.bytes);
    (fetched, std::fs::read(&file).unwrap_or_default())
}

#[tokio::test]
async fn a_source_arrives_whole_also_behind_a_redirect() {
    let router = Router::new()
        .route("/a.mp4", get(async || MEDIA))
        .route("/moved", get(async || Redirect::temporary("/a.mp4")));
    let address = serve(router).await;
    for path in ["/a.mp4", "/moved"] {
        let (fetched, bytes) = fetch(address, path).await;
        assert_eq!(fetched.unwrap(), Some(16));
        assert_eq!(bytes, MEDIA);
    }
}

#[tokio::test]
async fn each_answer_that_is_no_media_has_its_own_error() {
    let router = Router::new()
        .route("/gone", get(async || StatusCode::GONE))
        .route("/locked", get(async || StatusCode::FORBIDDEN))
        .route("/busy", get(async || StatusCode::SERVICE_UNAVAILABLE))
        .route("/loop", get(async || Redirect::temporary("/loop")));
    let address = serve(router).await;
    let error = async |path| fetch(address, path).await.0.unwrap_err();
    assert!(matches!(error("/none").await, MediaError::NotFound(_)));
    assert!(matches!(error("/gone").await, MediaError::NotFound(_)));
    assert!(matches!(error("/locked").await, MediaError::Forbidden(_)));
    assert!(matches!(
        error("/busy").await,
        MediaError::Unavailable { .. }
    ));
    assert!(matches!(error("/loop").await, MediaError::Unusable(_)));
}

#[tokio::test]
async fn a_redirect_into_the_private_network_is_not_followed() {
    let hits = Arc::new(AtomicUsize::new(0));
    let count = async |State(hits): State<Arc<AtomicUsize>>| {
        hits.fetch_add(1, Ordering::SeqCst);
        MEDIA
    };
    let inside = serve(
        Router::new()
            .route("/", get(count))
            .with_state(Arc::clone(&hits)),
    )
    .await;
    for target in [
        format!("http://{inside}/"),
        format!("http://localhost:{}/", inside.port()),
    ] {
        let lure =
            serve(Router::new().route("/a.mp4", get(async move || Redirect::temporary(&target))))
                .await;
        let error = fetch(lure, "/a.mp4").await.0.unwrap_err();
        assert!(error.to_string().contains("not a public"), "{error}");
    }
    assert_eq!(hits.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_redirect_to_another_scheme_is_not_followed() {
    for target in [
        "file:///etc/passwd",
        "ftp://ftp.example.com/a",
        "gopher://127.0.0.1:70/",
        "data:video/mp4,x",
        "//user:secret@example.com/a.mp4",
    ] {
        let lure = Router::new().route("/a.mp4", get(async move || Redirect::temporary(target)));
        let (fetched, bytes) = fetch(serve(lure).await, "/a.mp4").await;
        let error = fetched.unwrap_err();
        assert!(
            matches!(error, MediaError::Unusable(_)),
            "{target}: {error}"
        );
        assert!(bytes.is_empty(), "{target}");
    }
}

#[tokio::test]
async fn of_a_body_longer_than_its_length_no_more_is_read() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).await.unwrap() > 2 {}
        let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n";
        stream.write_all(head).await.unwrap();
        // Goes on until the other side has had enough.
        while stream.write_all(&[b'x'; 8_192]).await.is_ok() {}
    });
    let (fetched, bytes) = fetch(address, "/a.mp4").await;
    assert_eq!((fetched.unwrap(), bytes.len()), (Some(10), 10));
}

/// A server that sends half of the media and hangs up, unless it is asked for the rest of the same version.
async fn serve_and_break() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let mut request = String::new();
            while stream.read_line(&mut request).await.unwrap() > 2 {}
            let rest = request.contains("range: bytes=8-") && request.contains("if-range: \"v1\"");
            let (status, length, body) = if rest {
                (206, 8, &MEDIA[8..])
            } else {
                (200, 16, &MEDIA[..8])
            };
            let head =
                format!("HTTP/1.1 {status} X\r\netag: \"v1\"\r\ncontent-length: {length}\r\n\r\n");
            stream
                .write_all(&[head.as_bytes(), body].concat())
                .await
                .unwrap();
        }
    });
    address
}

#[tokio::test]
async fn a_broken_transfer_is_taken_up_where_it_broke() {
    let address = serve_and_break().await;
    let (fetched, bytes) = fetch(address, "/a.mp4").await;
    assert_eq!(fetched.unwrap(), Some(16));
    assert_eq!(bytes, MEDIA);
}

#[tokio::test]
async fn a_source_that_changed_since_the_last_attempt_is_told() {
    let address =
        serve(Router::new().route("/a.mp4", get(async || ([("etag", "\"v2\"")], MEDIA)))).await;
    let folder = TempDir::new().unwrap();
    let source = HttpSource::new(reaching(address)).unwrap();
    let changed = source
        .fetch(
            &uri(address, "/a.mp4"),
            Some("\"v1\""),
            u64::MAX,
            &folder.path().join("source"),
        )
        .await;
    assert!(matches!(changed, Err(MediaError::Changed(_))));
}

fn message() -> Message {
    Message {
        method: Method::Get,
        query: vec![("job_state", "FINISHED".to_owned())],
        headers: vec![("user-agent", "media-nommer".to_owned())],
        body: String::new(),
    }
}

#[tokio::test]
async fn a_notification_keeps_the_receivers_own_query_and_the_answers_beginning() {
    let echo = async |axum::extract::RawQuery(query): axum::extract::RawQuery| {
        format!("{}{}", query.unwrap_or_default(), "x".repeat(5_000))
    };
    let address = serve(Router::new().route("/done", get(echo))).await;
    let rules = reaching(address);
    let url = NotifyUrl::parse(&format!("http://{address}/done?token=t"), &rules).unwrap();
    let reply = HttpNotifier::new(rules)
        .unwrap()
        .post(&url, &message())
        .await;
    assert_eq!(reply.status, Some(200));
    assert!(
        reply.excerpt.starts_with("token=t&job_state=FINISHEDxxx"),
        "{}",
        reply.excerpt
    );
    assert_eq!(reply.excerpt.len(), 1_024);
}

#[tokio::test]
async fn a_notification_follows_no_redirect_and_shows_no_token_when_it_fails() {
    let address =
        serve(Router::new().route("/done", get(async || Redirect::temporary("/elsewhere")))).await;
    let rules = reaching(address);
    let url = NotifyUrl::parse(&format!("http://{address}/done?token=hush"), &rules).unwrap();
    assert_eq!(
        HttpNotifier::new(rules.clone())
            .unwrap()
            .post(&url, &message())
            .await
            .status,
        Some(307)
    );
    // The guard looks again right before the connection, whatever was let in at submit.
    let refused = HttpNotifier::new(NetworkRules::default())
        .unwrap()
        .post(&url, &message())
        .await;
    assert_eq!(refused.status, None);
    assert!(
        refused.excerpt.contains("not a public") && !refused.excerpt.contains("hush"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_source_that_trickles_is_left() {
    let trickle = || async {
        let bytes = futures_util::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            Some((Ok::<_, std::convert::Infallible>("x"), ()))
        });
        axum::body::Body::from_stream(bytes)
    };
    let address = serve(Router::new().route("/media", get(trickle))).await;
    let folder = TempDir::new().unwrap();
    let source = HttpSource::new(reaching(address)).unwrap();
    let fetched = source
        .watching(Duration::from_millis(200))
        .fetch(
            &uri(address, "/media"),
            None,
            u64::MAX,
            &folder.path().join("source"),
        )
        .await;
    let refused = fetched.unwrap_err().to_string();
    assert!(
        refused.contains("less than 1024 bytes a second"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_notification_leaves_a_receiver_that_asks_for_time_alone() {
    let busy = || async {
        (
            StatusCode::TOO_MANY_REQUESTS,
            [("retry-after", "3600")],
            "busy",
        )
    };
    let address = serve(Router::new().route("/hook", get(busy))).await;
    let notifier = HttpNotifier::new(reaching(address)).unwrap();
    let network = reaching(address);
    let url = NotifyUrl::parse(&format!("http://{address}/hook"), &network).unwrap();
    let reply = notifier.post(&url, &message()).await;
    assert_eq!(
        (reply.status, reply.retry_after),
        (Some(429), Some(Duration::from_secs(3_600)))
    );
}
