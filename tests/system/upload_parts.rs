//! Uploads in parts: announced over HTTP, brought by signed addresses to the emulator's S3, and put together there. The limits are small, so
//! that a few megabytes are many; all else is as in a stack.

use std::{fs, path::PathBuf, process::Command, sync::Arc};

use aws_sdk_s3::Client;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use nommer_aws::S3Uploads;
use nommer_core::{
    key::{ApiKey, Grant, Scope},
    lane::Lane,
    memory::{Memory, MemoryOutputs, MemoryQueue, MemoryStore, NoSignal, PlainSecrets},
    ports::{Backend, KeyStore as _},
    settings::Settings,
    spec::SpecRules,
    upload::Cut,
};
use nommer_submit::{Access, Allowances, Submit, router};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::{emulator, harness::nommer};

/// Parts of S3's smallest size, and three of them for what tests bring.
const CUT: Cut = Cut {
    whole: 8 << 20,
    usual: 5 << 20,
    largest: 6 << 20,
    parts: 4,
};

const BYTES: usize = (12 << 20) + 1;

/// A table in memory, with uploads to S3.
struct Side {
    memory: Memory,
    uploads: S3Uploads,
}

impl Backend for Side {
    type Store = MemoryStore;
    type Queue = MemoryQueue;
    type Secrets = PlainSecrets;
    type Uploads = S3Uploads;
    type Outputs = MemoryOutputs;

    fn store(&self) -> &MemoryStore {
        self.memory.store()
    }

    fn job_queue(&self, lane: Lane) -> &MemoryQueue {
        self.memory.job_queue(lane)
    }

    fn state_queue(&self) -> &MemoryQueue {
        self.memory.state_queue()
    }

    fn secrets(&self) -> &PlainSecrets {
        self.memory.secrets()
    }

    fn uploads(&self) -> Option<&S3Uploads> {
        Some(&self.uploads)
    }

    fn outputs(&self) -> Option<&MemoryOutputs> {
        self.memory.outputs()
    }
}

struct World {
    s3: Client,
    bucket: String,
    api: String,
    side: Arc<Side>,
    http: reqwest::Client,
    work: TempDir,
}

impl World {
    async fn new() -> Self {
        let sdk = emulator::ministack().config().await;
        let conf = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true);
        let s3 = Client::from_conf(conf.build());
        let bucket = format!("test-{}", Uuid::new_v4().simple());
        s3.create_bucket().bucket(&bucket).send().await.unwrap();
        let uploads = S3Uploads::new(&sdk, &bucket).unwrap().with_cut(CUT);
        let side = Arc::new(Side {
            memory: Memory::new(Timestamp::UNIX_EPOCH),
            uploads,
        });
        let submit = Submit {
            backend: Arc::clone(&side),
            signal: NoSignal,
            rules: SpecRules::default(),
            settings: Settings::local(),
            access: Access::default(),
            job_events: false,
            allowances: Allowances::default(),
        };
        let routes = router(Arc::new(submit));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self {
            s3,
            bucket,
            api,
            side,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            work: TempDir::new().unwrap(),
        }
    }

    /// A request of whoever has this key, or of the operator.
    async fn ask(&self, key: Option<&str>, path: &str, body: &Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.api)).json(body);
        let request = match key {
            Some(key) => request.bearer_auth(key),
            None => request,
        };
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap())
    }

    async fn announce(&self, key: Option<&str>) -> Value {
        let body =
            json!({"filename": "ein film.mov", "bytes": BYTES, "content_type": "video/quicktime"});
        let (status, upload) = self.ask(key, "/v1/uploads", &body).await;
        assert_eq!(status, 201, "{upload}");
        upload
    }

    /// Sends these bytes as a part, and gives its tag.
    async fn send(&self, part: &Value, bytes: &[u8]) -> String {
        assert_eq!(part["bytes"], json!(bytes.len()));
        let request = self.http.put(part["url"].as_str().unwrap());
        let answer = request.body(bytes.to_vec()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let etag = answer.headers()["etag"].to_str().unwrap();
        etag.to_owned()
    }

    /// What lies at an address of the bucket.
    async fn get(&self, address: &Value) -> Option<Vec<u8>> {
        let root = format!("s3://{}/", self.bucket);
        let key = address.as_str().unwrap().strip_prefix(&root).unwrap();
        let get = self.s3.get_object().bucket(&self.bucket).key(key);
        let found = get.send().await.ok()?;
        assert_eq!(found.content_type.as_deref(), Some("video/quicktime"));
        Some(found.body.collect().await.unwrap().to_vec())
    }

    async fn unfinished(&self) -> usize {
        let uploads = self.s3.list_multipart_uploads().bucket(&self.bucket);
        uploads.send().await.unwrap().uploads().len()
    }

    async fn key(&self, seed: u8) -> String {
        let grant = Grant {
            scopes: [Scope::Submit].into(),
            ..Grant::default()
        };
        let (key, shown) = ApiKey::new(grant, &[seed; 40], Timestamp::UNIX_EPOCH);
        self.side.store().put_key(&key).await.unwrap();
        shown.expose().to_owned()
    }
}

/// Bytes that tell where they are.
fn content() -> Vec<u8> {
    let blocks = 0..=BYTES as u64 / 8;
    let mut content: Vec<u8> = blocks.flat_map(u64::to_be_bytes).collect();
    content.truncate(BYTES);
    content
}

fn completion(etags: &[String]) -> Value {
    let numbered = (1..).zip(etags);
    let parts = numbered.map(|(number, etag): (u32, _)| json!({"number": number, "etag": etag}));
    json!({"parts": parts.collect::<Vec<_>>()})
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_brings_what_one_request_does_not_take() {
    let (world, content) = (World::new().await, content());
    let file: PathBuf = world.work.path().join("ein film.mov");
    fs::write(&file, &content).unwrap();
    let mut command = Command::new(nommer());
    command
        .args(["--api", &world.api, "--json", "upload"])
        .arg(&file)
        .current_dir(world.work.path());
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    let run = run.await.unwrap();
    assert!(run.status.success(), "{run:?}");
    let upload: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert!(world.get(&upload["source_path"]).await.unwrap() == content);
    assert_eq!(world.unfinished().await, 0);
}

#[tokio::test]
async fn parts_in_any_order_and_sent_again_make_the_upload_once() {
    let (world, content) = (World::new().await, content());
    let upload = world.announce(None).await;
    assert!(upload["url"].is_null());
    let parts = upload["parts"].as_array().unwrap();
    assert_eq!(parts.len(), 3);
    let complete = upload["complete_path"].as_str().unwrap();

    let pieces: Vec<&[u8]> = content.chunks(CUT.usual.try_into().unwrap()).collect();
    let mut etags = vec!["none".to_owned(); 3];
    for number in [2, 1] {
        etags[number] = world.send(&parts[number], pieces[number]).await;
    }
    let early = world.ask(None, complete, &completion(&etags)).await;
    assert_eq!((early.0, &early.1["code"]), (400, &json!("invalid_spec")));
    assert!(world.get(&upload["source_path"]).await.is_none());
    for _ in 0..2 {
        etags[0] = world.send(&parts[0], pieces[0]).await;
    }
    let mut answers = Vec::new();
    for _ in 0..2 {
        let (status, done) = world.ask(None, complete, &completion(&etags)).await;
        assert_eq!(status, 200, "{done}");
        answers.push(done);
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0]["source_path"], upload["source_path"]);
    assert!(world.get(&upload["source_path"]).await.unwrap() == content);
    assert_eq!(world.unfinished().await, 0);
}

#[tokio::test]
async fn nobody_puts_an_upload_of_another_together() {
    let (world, content) = (World::new().await, content());
    let (own, other) = (world.key(1).await, world.key(2).await);
    let upload = world.announce(Some(&own)).await;
    let mut etags = Vec::new();
    let pieces = content.chunks(CUT.usual.try_into().unwrap());
    for (part, bytes) in upload["parts"].as_array().unwrap().iter().zip(pieces) {
        etags.push(world.send(part, bytes).await);
    }
    let complete = upload["complete_path"].as_str().unwrap();
    let body = completion(&etags);
    for caller in [Some(other.as_str()), None] {
        let (status, problem) = world.ask(caller, complete, &body).await;
        assert_eq!(
            (status, &problem["code"]),
            (404, &json!("not_found")),
            "{problem}"
        );
    }
    // The same upload under another name is none, however the text was written.
    let (path, text) = complete.split_once("?ticket=").unwrap();
    let ticket = URL_SAFE_NO_PAD.decode(text).unwrap();
    let mut ticket: Value = serde_json::from_slice(&ticket).unwrap();
    for name in ["another.mov", "../upload_1/a.mov"] {
        ticket["filename"] = json!(name);
        let text = URL_SAFE_NO_PAD.encode(ticket.to_string());
        let path = format!("{path}?ticket={text}");
        let (status, problem) = world.ask(Some(&own), &path, &body).await;
        assert_eq!(status, 404, "{name} {problem}");
    }
    assert!(world.get(&upload["source_path"]).await.is_none());
    let (status, done) = world.ask(Some(&own), complete, &body).await;
    assert_eq!(status, 200, "{done}");
    assert!(world.get(&upload["source_path"]).await.unwrap() == content);
}
