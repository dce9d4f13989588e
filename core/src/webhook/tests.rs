use serde_json::json;

use super::*;
use crate::{address::NetworkRules, testing::at};

fn sealed(text: &str) -> SealedText {
    SealedText(text.to_owned())
}

fn endpoint() -> WebhookEndpoint {
    WebhookEndpoint {
        id: "we_1".parse().unwrap(),
        url: NotifyUrl::parse("https://hooks.example.com/a", &NetworkRules::default()).unwrap(),
        sealed_url: None,
        events: EventName::by_default(),
        description: String::new(),
        disabled: None,
        secrets: vec![EndpointSecret {
            sealed: sealed("first"),
            until: None,
        }],
        created_at: at(0),
        updated_at: at(0),
    }
}

fn signing(endpoint: &WebhookEndpoint, second: i64) -> Vec<&str> {
    let live = endpoint.signing(at(second));
    live.map(|sealed| sealed.0.as_str()).collect()
}

#[test]
fn an_old_secret_signs_for_a_day_beside_the_new_one() {
    let mut endpoint = endpoint();
    endpoint.rotate(sealed("second"), at(10));
    let day = 24 * 3_600;
    assert_eq!(signing(&endpoint, 11), ["second", "first"]);
    assert_eq!(signing(&endpoint, 9 + day), ["second", "first"]);
    assert_eq!(signing(&endpoint, 10 + day), ["second"]);
    assert_eq!(endpoint.old_secret_until(at(11)), Some(at(10 + day)));
    assert_eq!(endpoint.old_secret_until(at(10 + day)), None);
}

#[test]
fn who_rotates_often_leaves_three_secrets_and_no_more() {
    let mut endpoint = endpoint();
    for number in 2..=9 {
        endpoint.rotate(sealed(&number.to_string()), at(number));
    }
    assert_eq!(signing(&endpoint, 10), ["9", "8", "7"]);
    endpoint.rotate(sealed("late"), at(10 * 24 * 3_600));
    assert_eq!(endpoint.secrets.len(), 2);
}

#[test]
fn an_endpoint_that_is_disabled_is_told_of_no_new_job_until_it_is_enabled() {
    let mut endpoint = endpoint();
    assert!(endpoint.subscription().is_some());
    endpoint.disable("gave up", at(5));
    endpoint.disable("gave up again", at(6));
    let told = endpoint.disabled.clone().unwrap();
    assert_eq!((told.at, told.reason.as_str()), (at(5), "gave up"));
    assert_eq!(endpoint.subscription(), None);
    let enable = parse_change(&json!({"enabled": true}), &NetworkRules::default()).unwrap();
    endpoint.change(&enable, None, at(7));
    assert!(endpoint.subscription().is_some());
}

#[test]
fn what_is_not_said_stays() {
    let mut endpoint = endpoint();
    let body = json!({"events": ["job.failed"], "description": null});
    let request = parse_change(&body, &NetworkRules::default()).unwrap();
    endpoint.change(&request, None, at(7));
    assert_eq!(endpoint.events, [EventName::Failed].into());
    assert_eq!(endpoint.url, self::endpoint().url);
    let body = json!({"url": "https://hooks.example.com/b?token=hush"});
    let request = parse_change(&body, &NetworkRules::default()).unwrap();
    assert_eq!(request.url_secret.as_ref().unwrap().expose(), "token=hush");
    endpoint.change(&request, Some(sealed("url")), at(8));
    assert!(!format!("{endpoint:?}{request:?}").contains("hush"));
    assert_eq!(endpoint.sealed_url, Some(sealed("url")));
}

#[test]
fn refusals_name_the_field_and_what_to_do() {
    let rules = NetworkRules::default();
    for (body, pointer, words) in [
        (json!({}), "/url", "missing"),
        (json!([]), "", "object"),
        (json!({"url": 7}), "/url", "text"),
        (json!({"url": "ftp://x.example/"}), "/url", "url"),
        (
            json!({"url": "http://169.254.169.254/"}),
            "/url",
            "169.254.169.254",
        ),
        (
            json!({"url": "https://x.example/", "evnets": []}),
            "/evnets",
            "did you mean \"events\"?",
        ),
        (
            json!({"url": "https://x.example/", "events": []}),
            "/events",
            "at least one",
        ),
        (
            json!({"url": "https://x.example/", "events": ["job.finish"]}),
            "/events/0",
            "did you mean \"job.finished\"?",
        ),
        (
            json!({"url": "https://x.example/", "events": ["job.created", 1]}),
            "/events",
            "names",
        ),
        (
            json!({"url": "https://x.example/", "enabled": "yes"}),
            "/enabled",
            "true or false",
        ),
        (
            json!({"url": "https://x.example/", "description": "a\u{0}"}),
            "/description",
            "control",
        ),
    ] {
        let refused = parse_new(&body, &rules).unwrap_err();
        assert_eq!(refused.pointer, pointer, "{body}");
        assert!(refused.error.message.contains(words), "{body}: {refused}");
    }
    assert_eq!(parse_event(&json!({})).unwrap(), EventName::Finished);
    assert_eq!(
        parse_event(&json!({"event": "job.run"}))
            .unwrap_err()
            .pointer,
        "/event"
    );
}
