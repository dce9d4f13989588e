//! EC2 on a bad day: each refusal of a launch has a typed outcome, after as many tries as it is worth.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_sdk_ec2::config::Credentials;
use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use nommer_aws_fleet::{Ec2Fleet, Ec2FleetConfig, Market};
use nommer_core::ports::{Fleet as _, LaunchError};
use tokio::net::TcpListener;

/// Tries of a call.
const TRIES: usize = 3;

/// What the fake answers to `CreateFleet`.
#[derive(Clone, Copy, Debug)]
enum Answer {
    /// A fault of the whole request.
    Fault(u16, &'static str),
    /// A fleet with these instances and these errors.
    Fleet(&'static [&'static str], &'static [&'static str]),
    /// Nothing: the connection ends.
    Silence,
}

/// Answers in turn, the last one from then on; and the requests that came.
struct Fake {
    answers: Vec<Answer>,
    asked: Vec<String>,
}

type Shared = Arc<Mutex<Fake>>;

async fn answer(State(fake): State<Shared>, body: String) -> Response {
    if body.contains("Action=DescribeInstances") {
        let none = "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>";
        return none.into_response();
    }
    let mut fake = fake.lock().unwrap();
    let answer = fake.answers[fake.asked.len().min(fake.answers.len() - 1)];
    fake.asked.push(body);
    match answer {
        Answer::Fault(status, code) => {
            let fault = format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>so says EC2</Message></Error></Errors></Response>"
            );
            (StatusCode::from_u16(status).unwrap(), fault).into_response()
        }
        Answer::Fleet(instances, errors) => {
            let instances = instances
                .iter()
                .map(|id| format!("<item><instanceIds><item>{id}</item></instanceIds></item>"));
            let errors = errors.iter().map(|code| {
                format!("<item><errorCode>{code}</errorCode><errorMessage>so says EC2</errorMessage></item>")
            });
            let (instances, errors) = (instances.collect::<String>(), errors.collect::<String>());
            format!("<CreateFleetResponse><fleetId>fleet-1</fleetId><errorSet>{errors}</errorSet><fleetInstanceSet>{instances}</fleetInstanceSet></CreateFleetResponse>").into_response()
        }
        Answer::Silence => {
            let broken = futures_util::stream::iter([Err::<&str, _>(std::io::Error::other("cut"))]);
            Response::new(axum::body::Body::from_stream(broken))
        }
    }
}

/// A fleet whose `CreateFleet` is answered so.
async fn fleet(market: Market, answers: &[Answer]) -> (Ec2Fleet, Shared) {
    let fake = Fake {
        answers: answers.to_vec(),
        asked: Vec::new(),
    };
    let shared = Arc::new(Mutex::new(fake));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = Router::new()
        .fallback(answer)
        .with_state(Arc::clone(&shared));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let retries = RetryConfig::standard()
        .with_max_attempts(u32::try_from(TRIES).unwrap())
        .with_initial_backoff(Duration::from_millis(1));
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "tests"))
        .retry_config(retries)
        .load()
        .await;
    let config = Ec2FleetConfig {
        launch_template_id: "lt-1".to_owned(),
        market,
        ..Ec2FleetConfig::of_stack("stack")
    };
    (Ec2Fleet::new(&sdk, config), shared)
}

fn asked(fake: &Shared) -> Vec<String> {
    fake.lock().unwrap().asked.clone()
}

/// The name by which EC2 knows a repeated request.
fn client_token(request: &str) -> &str {
    let field = request
        .split('&')
        .find_map(|field| field.strip_prefix("ClientToken="));
    field.unwrap()
}

/// What a launch on demand comes to, and how often EC2 was asked.
async fn refused(answer: Answer) -> (LaunchError, usize) {
    let (fleet, fake) = fleet(Market::OnDemand, &[answer]).await;
    let error = fleet.launch("1-a").await.unwrap_err();
    let asked = asked(&fake);
    assert!(
        asked
            .iter()
            .all(|one| client_token(one) == client_token(&asked[0])),
        "a repeated request is another one: {asked:?}"
    );
    (error, asked.len())
}

#[tokio::test]
async fn no_capacity_and_a_reached_quota_are_told_apart_and_not_hurried() {
    for (code, capacity) in [
        ("InsufficientInstanceCapacity", true),
        ("UnfulfillableCapacity", true),
        ("VcpuLimitExceeded", false),
        ("InstanceLimitExceeded", false),
    ] {
        let code_alone: &'static [&'static str] = Box::leak(Box::new([code]));
        for answer in [Answer::Fault(400, code), Answer::Fleet(&[], code_alone)] {
            let (error, asked) = refused(answer).await;
            match &error {
                LaunchError::NoCapacity(words) if capacity => assert!(words.contains(code)),
                LaunchError::LimitReached(words) if !capacity => assert!(words.contains(code)),
                other => panic!("{code}: {other:?}"),
            }
            assert_eq!(asked, 1, "{code}");
        }
    }
}

#[tokio::test]
async fn throttled_calls_are_repeated_a_bounded_number_of_times() {
    let (error, asked) = refused(Answer::Fault(503, "RequestLimitExceeded")).await;
    assert!(matches!(error, LaunchError::LimitReached(_)), "{error:?}");
    assert_eq!(asked, TRIES);
}

#[tokio::test]
async fn a_missing_right_a_wrong_template_and_dead_credentials_fail_at_once_and_say_so() {
    for code in [
        "UnauthorizedOperation",
        "InvalidLaunchTemplateId.NotFound",
        "AuthFailure",
        "RequestExpired",
        "InvalidParameterValue",
    ] {
        let (error, asked) = refused(Answer::Fault(400, code)).await;
        assert!(
            matches!(&error, LaunchError::Failed(words) if words.contains(code)),
            "{error:?}"
        );
        assert_eq!(asked, 1, "{code}");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_come_leaves_the_launch_in_doubt() {
    for answer in [
        Answer::Silence,
        Answer::Fault(500, "InternalError"),
        Answer::Fault(503, "Unavailable"),
    ] {
        let (error, asked) = refused(answer).await;
        assert!(
            matches!(error, LaunchError::Unanswered(_)),
            "{answer:?}: {error:?}"
        );
        assert_eq!(asked, TRIES, "{answer:?}");
    }
}

#[tokio::test]
async fn what_spot_has_not_is_asked_for_on_demand_under_another_name() {
    for refusal in [
        Answer::Fleet(&[], &["InsufficientInstanceCapacity"]),
        Answer::Fault(400, "MaxSpotInstanceCountExceeded"),
    ] {
        let launched = Answer::Fleet(&["i-0123456789abcdef0"], &[]);
        let (fleet, fake) = fleet(Market::Spot, &[refusal, launched]).await;
        let id = fleet.launch("1-a").await.unwrap();
        assert_eq!(id.as_str(), "i-0123456789abcdef0");
        let asked = asked(&fake);
        assert_eq!(asked.len(), 2);
        assert!(
            asked[0].contains("DefaultTargetCapacityType=spot"),
            "{asked:?}"
        );
        assert!(
            asked[1].contains("DefaultTargetCapacityType=on-demand"),
            "{asked:?}"
        );
        assert_ne!(client_token(&asked[0]), client_token(&asked[1]));
    }
}

#[tokio::test]
async fn a_right_that_is_missing_is_not_asked_for_again_on_demand() {
    let (fleet, fake) = fleet(Market::Spot, &[Answer::Fault(400, "UnauthorizedOperation")]).await;
    fleet.launch("1-a").await.unwrap_err();
    assert_eq!(asked(&fake).len(), 1);
}

#[tokio::test]
async fn an_instance_beside_errors_of_other_zones_is_a_launch() {
    let mixed = Answer::Fleet(&["i-0123456789abcdef0"], &["InsufficientInstanceCapacity"]);
    let (fleet, _) = fleet(Market::Spot, &[mixed]).await;
    assert!(fleet.launch("1-a").await.is_ok());
}
