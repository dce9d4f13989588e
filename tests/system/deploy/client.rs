//! `nommer --stack`: the commands over the API of a deployed stack, with requests signed as API Gateway checks them.

use std::{
    collections::BTreeMap,
    process::{Command, Output},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    http::StatusCode,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::stack::Deployment;
use crate::{
    emulator::{REGION, ministack},
    harness::{make_clip, nommer},
    signature::{Scope, Sent, check},
};

const RIGHT: Scope = Scope {
    key_id: "AKIAIOSFODNN7EXAMPLE",
    secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    region: "eu-central-1",
    service: "execute-api",
};

/// `CloudFormation` and the gateway of one stack, which lets in only what is signed by the right one.
struct Gateway {
    url: String,
    /// What was let in: method and address.
    passed: Arc<Mutex<Vec<String>>>,
}

impl Gateway {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let passed: Arc<Mutex<Vec<String>>> = Arc::default();
        let routes = Router::new()
            .fallback(answer)
            .with_state((url.clone(), Arc::clone(&passed)));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, passed }
    }

    /// Runs a command with these credentials.
    fn run(&self, key_id: &str, secret: &str, words: &[&str]) -> Output {
        Command::new(nommer())
            .args(words)
            .env_clear()
            .env("HOME", "/nowhere")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_REGION", RIGHT.region)
            .env("AWS_ENDPOINT_URL", &self.url)
            .envs((!key_id.is_empty()).then_some(("AWS_ACCESS_KEY_ID", key_id)))
            .envs((!secret.is_empty()).then_some(("AWS_SECRET_ACCESS_KEY", secret)))
            .output()
            .unwrap()
    }
}

type Shared = (String, Arc<Mutex<Vec<String>>>);

async fn answer(State((url, passed)): State<Shared>, request: Request) -> (StatusCode, String) {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let asked = String::from_utf8_lossy(&body);
    if asked.starts_with("Action=GetCallerIdentity") {
        let arn = "arn:aws:iam::123456789012:user/uploader";
        let answer = format!(
            "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>{arn}</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>"
        );
        return (StatusCode::OK, answer);
    }
    if parts.uri.path() == "/" {
        return describe_stacks(&url, &asked);
    }
    let headers: BTreeMap<String, String> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let sent = Sent {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &headers,
        body: &body,
    };
    if check(&sent, &RIGHT).is_err() {
        let words = json!({"message": "Forbidden"});
        return (StatusCode::FORBIDDEN, words.to_string());
    }
    let line = format!("{} {}", parts.method, parts.uri);
    passed.lock().unwrap().push(line);
    (
        StatusCode::OK,
        json!({"data": [], "next_cursor": null}).to_string(),
    )
}

fn describe_stacks(url: &str, asked: &str) -> (StatusCode, String) {
    let name = asked
        .split('&')
        .find_map(|field| field.strip_prefix("StackName="))
        .unwrap();
    let outputs = match name {
        "ready" => format!(
            "<member><OutputKey>ApiUrl</OutputKey><OutputValue>{url}</OutputValue></member>"
        ),
        "half" => String::new(),
        _ => {
            let error = format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id {name} does not exist</Message></Error></ErrorResponse>"
            );
            return (StatusCode::BAD_REQUEST, error);
        }
    };
    let stack = format!(
        "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><StackName>{name}</StackName><StackStatus>CREATE_IN_PROGRESS</StackStatus><CreationTime>2026-01-01T00:00:00Z</CreationTime><Outputs>{outputs}</Outputs></member></Stacks></DescribeStacksResult></DescribeStacksResponse>"
    );
    (StatusCode::OK, stack)
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_a_stack_are_signed_with_their_query() {
    let gateway = Gateway::start().await;
    let words = ["--stack", "ready", "jobs", "list", "--state", "PENDING"];
    let listed = gateway.run(RIGHT.key_id, RIGHT.secret, &words);
    assert!(listed.status.success(), "{}", told(&listed));
    let passed = gateway.passed.lock().unwrap().clone();
    assert_eq!(passed.len(), 1, "{passed:?}");
    assert!(passed[0].contains("state=PENDING"), "{passed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_wrongly_is_told_what_is_needed_and_no_secret() {
    let gateway = Gateway::start().await;
    let words = ["--stack", "ready", "jobs", "list"];
    let wrong = "canary+/secret";
    let refused = gateway.run(RIGHT.key_id, wrong, &words);
    assert_eq!(refused.status.code(), Some(4), "{}", told(&refused));
    assert!(
        told(&refused).contains("execute-api:Invoke"),
        "{}",
        told(&refused)
    );
    assert!(!told(&refused).contains(wrong));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_is_not_there_or_not_ready_or_no_credentials_is_told() {
    let gateway = Gateway::start().await;
    let run = |stack| gateway.run(RIGHT.key_id, RIGHT.secret, &["--stack", stack, "fleet"]);
    let nobody = run("nobody");
    assert_eq!(nobody.status.code(), Some(3), "{}", told(&nobody));
    let half = run("half");
    assert_eq!(half.status.code(), Some(1), "{}", told(&half));
    assert!(
        told(&half).contains("CREATE_IN_PROGRESS"),
        "{}",
        told(&half)
    );
    let anonymous = gateway.run("", "", &["--stack", "ready", "fleet"]);
    assert_eq!(anonymous.status.code(), Some(1), "{}", told(&anonymous));
    assert!(
        told(&anonymous).contains("credentials"),
        "{}",
        told(&anonymous)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_says_what_a_stack_lacks_and_fails() {
    let gateway = Gateway::start().await;
    let said = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    for (stack, line) in [
        (
            "nobody",
            "BAD   stack        there is none of the name nobody: `nommer deploy` makes it",
        ),
        ("half", "BAD   stack        half is CREATE_IN_PROGRESS"),
    ] {
        let doctor = gateway.run(RIGHT.key_id, RIGHT.secret, &["--stack", stack, "doctor"]);
        assert_eq!(doctor.status.code(), Some(1), "{}", told(&doctor));
        assert!(said(&doctor).contains("user/uploader"), "{}", said(&doctor));
        assert!(said(&doctor).contains(line), "{}", said(&doctor));
    }
    let anonymous = gateway.run("", "", &["--stack", "ready", "doctor"]);
    assert_eq!(anonymous.status.code(), Some(1), "{}", told(&anonymous));
    assert!(
        said(&anonymous).contains("BAD   credentials"),
        "{}",
        said(&anonymous)
    );
}

/// The command line, talking to a stack on the emulator.
fn command(stack: &Deployment, words: &[&str]) -> Command {
    let mut command = Command::new(nommer());
    command
        .args(["--json", "--stack", stack.name()])
        .args(words)
        .env_clear()
        .env("HOME", "/nowhere")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_REGION", REGION)
        .env("AWS_ENDPOINT_URL", ministack().url());
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_asks_for_keys_takes_those_that_the_command_line_makes() {
    let parameters = [
        ("ApiAuthorization", "KEY"),
        ("AllowAnonymousLegacy", "false"),
    ];
    let stack = Deployment::new(&parameters).await;
    let json = |output: &Output| -> Value { serde_json::from_slice(&output.stdout).unwrap() };
    for (method, path) in [
        ("GET", "/v1/jobs"),
        ("POST", "/v1/jobs"),
        ("POST", "/job/submit"),
    ] {
        assert_eq!(stack.http(method, path, Some(&json!({}))).0, 401, "{path}");
    }
    let words = [
        "keys",
        "create",
        "web",
        "--scope",
        "submit",
        "--scope",
        "read",
        "--queued-jobs",
        "1",
    ];
    let made = command(&stack, &words).output().unwrap();
    assert!(made.status.success(), "{}", told(&made));
    let (id, key) = (json(&made)["id"].clone(), json(&made)["key"].clone());
    let run = |words: &[&str]| {
        let mut command = command(&stack, words);
        command
            .env("NOMMER_API_KEY", key.as_str().unwrap())
            .output()
            .unwrap()
    };
    let submit = |name: &str| run(&["submit", "s3://in-bucket/a.mov", &stack.media(name)]);
    let job = submit("one.mp4");
    assert!(job.status.success(), "{}", told(&job));
    assert_eq!(json(&job)["owner"], id);
    let listed = run(&["jobs", "list"]);
    assert_eq!(json(&listed)["id"], json(&job)["id"], "{}", told(&listed));
    let full = submit("two.mp4");
    assert!(
        told(&full).contains("jobs that have not ended"),
        "{}",
        told(&full)
    );
    assert_eq!(run(&["fleet"]).status.code(), Some(4));

    let secret = command(&stack, &["webhooks", "secret"]).output().unwrap();
    assert!(
        json(&secret)["secret"]
            .as_str()
            .unwrap()
            .starts_with("whsec_"),
        "{}",
        told(&secret)
    );

    let revoked = command(&stack, &["keys", "revoke", id.as_str().unwrap()]);
    assert!({ revoked }.output().unwrap().status.success());
    assert_eq!(run(&["jobs", "list"]).status.code(), Some(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_and_the_fleet_are_ruled_by_commands_over_a_deployed_stack() {
    let stack = Deployment::new(&[]).await;
    let run = |words: &[&str]| command(&stack, words).output().unwrap();
    let json = |words: &[&str]| -> Value {
        let output = run(words);
        assert!(output.status.success(), "{words:?}: {}", told(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("in.mp4");
    make_clip(&clip, 2, "320x180");
    let source = stack.upload("in.mp4", &clip).await;

    // A paused fleet launches nothing for a job that waits.
    assert_eq!(json(&["fleet", "pause"])["state"], "paused");
    let job = json(&["submit", &source, &stack.media("out.mp4")]);
    let id = job["id"].as_str().unwrap();
    stack.invoke("ScaleFunction", &json!({}));
    assert_eq!(stack.machines().await, Vec::<String>::new());
    let reason = json(&["fleet"])["last_decision"]["reason"].clone();
    assert!(reason.as_str().unwrap().contains("paused"), "{reason}");

    json(&["fleet", "resume"]);
    let instance = stack.launched(1).await.remove(0);
    let mut encoder = stack.play(&instance).await;
    let ended = run(&["jobs", "watch", id]);
    assert!(ended.status.success(), "{}", told(&ended));
    assert_eq!(json(&["jobs", "get", id])["state"], "FINISHED");

    let drained = json(&["fleet", "drain", &instance]);
    assert_eq!(drained["id"], instance.as_str(), "{drained:#}");
    assert!(encoder.wait().success(), "a drained encoder ends well");
    json(&["fleet"])["month_to_date_usd"].as_f64().unwrap();
}
