//! Events in the shapes that API Gateway documents, decoded as the Lambda runtime does it and answered by the routes.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::sync::Arc;

use axum::body::to_bytes;
use jiff::Timestamp;
use lambda_http::request::{RequestContext, from_str};
use nommer_core::{
    memory::{Memory, NoSignal},
    ports::{JobFilter, JobStore as _},
    settings::Settings,
    spec::SpecRules,
};
use nommer_submit::{Access, Allowances, Submit, router};
use serde_json::Value;
use tower::ServiceExt as _;

use super::*;

const CLOSED: Gate = Gate {
    signed: true,
    anonymous_legacy: false,
};

const OPEN: Gate = Gate {
    signed: true,
    anonymous_legacy: true,
};

/// What an event is answered, and the sources of the jobs that it made.
async fn answer(gate: Gate, event: &str) -> (u16, Value, Vec<String>) {
    let backend = Arc::new(Memory::new(Timestamp::UNIX_EPOCH));
    let submit = Submit {
        backend: Arc::clone(&backend),
        signal: NoSignal,
        rules: SpecRules::default(),
        settings: Settings::default(),
        access: Access::default(),
        job_events: false,
        allowances: Allowances::default(),
    };
    let routes = behind_gateway(router(Arc::new(submit)), gate);
    let response = routes.oneshot(from_str(event).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let all = JobFilter {
        limit: 10,
        ..JobFilter::default()
    };
    let jobs = backend.store.list(&all).await.unwrap();
    let sources = jobs.iter().map(|job| job.spec.source_path.identity());
    (
        status,
        serde_json::from_slice(&bytes).unwrap(),
        sources.collect(),
    )
}

const SOURCE: &str = "s3://in-bucket/källa.mov";

#[tokio::test]
async fn a_job_under_the_name_of_a_form_arrives_in_base64_and_is_taken() {
    let (status, answer, sources) = answer(OPEN, include_str!("../../events/http-form.json")).await;
    assert_eq!(
        (status, &answer["success"]),
        (200, &true.into()),
        "{answer}"
    );
    assert_eq!(sources, [SOURCE]);
}

#[tokio::test]
async fn a_signed_request_is_taken_by_v1() {
    let (status, answer, sources) =
        answer(CLOSED, include_str!("../../events/http-signed.json")).await;
    assert_eq!(
        (status, &answer["state"]),
        (201, &"PENDING".into()),
        "{answer}"
    );
    assert_eq!(sources, [SOURCE]);
}

#[tokio::test]
async fn a_stage_with_a_name_is_no_part_of_the_route() {
    let event = include_str!("../../events/http-named-stage.json");
    let (status, answer, sources) = answer(OPEN, event).await;
    assert_eq!(
        (status, &answer["success"]),
        (200, &true.into()),
        "{answer}"
    );
    assert_eq!(sources, [SOURCE]);
}

#[tokio::test]
async fn events_of_rest_apis_are_read_in_base64_and_plain() {
    for event in [
        include_str!("../../events/rest-form.json"),
        include_str!("../../events/rest-plain.json"),
    ] {
        let (status, answer, sources) = answer(CLOSED, event).await;
        assert_eq!(
            (status, &answer["success"]),
            (200, &true.into()),
            "{answer}"
        );
        assert_eq!(sources, [SOURCE]);
    }
}

#[tokio::test]
async fn who_is_not_signed_is_refused_by_both_kinds_of_api_and_leaves_nothing() {
    for event in [
        include_str!("../../events/http-form.json"),
        include_str!("../../events/rest-unsigned.json"),
    ] {
        let (status, answer, sources) = answer(CLOSED, event).await;
        assert_eq!((status, &answer["code"]), (403, &"unauthorized".into()));
        assert!(sources.is_empty());
    }
}

#[tokio::test]
async fn bytes_that_are_no_text_are_refused_and_leave_nothing() {
    let (status, answer, sources) =
        answer(OPEN, include_str!("../../events/http-binary.json")).await;
    // The original told of every refusal under 200.
    assert_eq!(
        (status, &answer["success"]),
        (200, &false.into()),
        "{answer}"
    );
    assert_eq!(answer["code"], "invalid_spec", "{answer}");
    assert!(sources.is_empty());
}

#[test]
fn an_event_of_s3_is_told_from_requests_and_comes_as_it_is() {
    let event = include_str!("../../events/s3-object-created.json");
    let passed = from_str(event).unwrap();
    let context = lambda_http::RequestExt::request_context_ref(&passed);
    assert!(matches!(context, Some(RequestContext::PassThrough)));
    let text = std::str::from_utf8(passed.body()).unwrap();
    assert!(nommer_core::watch::ObjectCreated::parse(text).is_some());
    for request in [
        include_str!("../../events/http-signed.json"),
        include_str!("../../events/rest-form.json"),
    ] {
        let request = from_str(request).unwrap();
        let context = lambda_http::RequestExt::request_context_ref(&request);
        assert!(!matches!(context, Some(RequestContext::PassThrough)));
    }
}
