//! The table, the queues, the keys and the bus on a bad day: each fault has a typed outcome, after as many tries as it is worth.

use std::{
    error::Error as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use nommer_core::{
    fleet::FleetRecord,
    ports::{FleetStore as _, JobQueue as _, ScaleSignal as _, Secrets as _, StoreError, Version},
    sealed::SealedText,
    secret::Secret,
};
use serde_json::{Value, json};

use crate::{
    DynamoStore, EventSignal, KmsSecrets, SdkConfig, SqsQueue,
    fake::{Answer, Fake, ROLE_SECRET, TRIES, sdk},
};

/// Long enough for an answer that comes.
const PATIENT: Duration = Duration::from_secs(20);

/// Longest wait for an answer that does not.
const SOON: Duration = Duration::from_millis(200);

/// One call of each kind.
#[derive(Clone, Copy, Debug)]
enum Call {
    Read,
    Write,
    Turn,
    Send,
    Receive,
    Seal,
    Open,
    Wake,
}

impl Call {
    const ALL: [Self; 8] = [
        Self::Read,
        Self::Write,
        Self::Turn,
        Self::Send,
        Self::Receive,
        Self::Seal,
        Self::Open,
        Self::Wake,
    ];

    async fn make(self, sdk: &SdkConfig) -> Result<(), StoreError> {
        let store = store(sdk);
        let queue = SqsQueue::new(aws_sdk_sqs::Client::new(sdk), "http://queue.example/jobs");
        let secrets = KmsSecrets::new(aws_sdk_kms::Client::new(sdk), "key");
        let events = aws_sdk_eventbridge::Client::new(sdk);
        let now = Timestamp::UNIX_EPOCH;
        match self {
            Self::Read => store.fleet().await.map(drop),
            Self::Write => store
                .put_fleet(&FleetRecord::default(), Version(1))
                .await
                .map(drop),
            Self::Turn => store.scale_turn(now, now).await.map(drop),
            Self::Send => queue.send(&"job_1".parse().unwrap(), PATIENT).await,
            Self::Receive => {
                let none = Duration::ZERO;
                queue.receive(1, none, none).await.map(drop)
            }
            Self::Seal => secrets
                .seal(&Secret::new("plain".to_owned()), "context")
                .await
                .map(drop),
            Self::Open => secrets
                .open(&SealedText("c2VhbGVk".to_owned()), "context")
                .await
                .map(drop),
            Self::Wake => EventSignal::new(events, "bus", "stack").wake().await,
        }
    }
}

fn store(sdk: &SdkConfig) -> DynamoStore {
    DynamoStore::new(aws_sdk_dynamodb::Client::new(sdk), "table", PATIENT)
}

/// Makes a call that fails with this answer; no answer is a connection that ends without one. What came of it, with its causes,
/// and how often the service was asked.
async fn fail(call: Call, limit: Duration, answer: Option<Answer>) -> (StoreError, String, usize) {
    let fake = Fake::start(move |_| answer.clone()).await;
    let error = call.make(&sdk(&fake.url, limit).await).await.unwrap_err();
    let words = format!("{error}: {}", error.source().unwrap());
    assert!(!words.contains(ROLE_SECRET), "{words}");
    (error, words, fake.asked().len())
}

#[tokio::test]
async fn what_cannot_get_better_is_tried_once_and_says_what_to_do() {
    for (status, code, advice) in [
        (400, "AccessDeniedException", "policies of the role or user"),
        (400, "ExpiredTokenException", "the credentials have expired"),
        (
            400,
            "UnrecognizedClientException",
            "does not know these credentials",
        ),
        (400, "ResourceNotFoundException", "is the region another?"),
        (400, "QueueDoesNotExist", "is the region another?"),
        (400, "DisabledException", "enable it in KMS"),
        (400, "InvalidCiphertextException", "so says AWS"),
    ] {
        for call in Call::ALL {
            let answer = Answer::json_fault(status, code);
            let (error, words, asked) = fail(call, PATIENT, Some(answer)).await;
            assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
            assert!(
                words.contains(code) && words.contains(advice),
                "{call:?}: {words}"
            );
            assert_eq!(asked, 1, "{call:?} {code}");
        }
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_again_a_bounded_number_of_times() {
    for (answer, limit) in [
        (
            Some(Answer::json_fault(400, "ThrottlingException")),
            PATIENT,
        ),
        (
            Some(Answer::json_fault(500, "InternalServerError")),
            PATIENT,
        ),
        (Some(Answer::new(503, "")), PATIENT),
        (Some(Answer::never()), SOON),
        (None, PATIENT),
    ] {
        for call in Call::ALL {
            let (error, _, asked) = fail(call, limit, answer.clone()).await;
            assert!(matches!(error, StoreError::Unavailable { .. }), "{error:?}");
            assert_eq!(asked, TRIES as usize, "{call:?} {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_throttled_call_gets_through_when_there_is_room_again() {
    let fine = json!({
        "Attributes": {}, "MessageId": "1", "MD5OfMessageBody": "x", "Messages": [],
        "CiphertextBlob": "c2VhbGVk", "Plaintext": "MXBsYWlu", "FailedEntryCount": 0, "Entries": [{"EventId": "1"}],
    });
    for call in [
        Call::Read,
        Call::Write,
        Call::Turn,
        Call::Receive,
        Call::Seal,
        Call::Open,
        Call::Wake,
    ] {
        let calls = Mutex::new(0);
        let fine = fine.to_string();
        let fake = Fake::start(move |_| {
            let mut calls = calls.lock().unwrap();
            *calls += 1;
            Some(match *calls {
                1 => Answer::json_fault(400, "ThrottlingException"),
                _ => Answer::new(200, fine.clone()),
            })
        })
        .await;
        call.make(&sdk(&fake.url, PATIENT).await)
            .await
            .unwrap_or_else(|error| panic!("{call:?}: {error:?}"));
        assert_eq!(fake.asked().len(), 2, "{call:?}");
    }
}

/// A table that applies the first write and loses its answer, then refuses the repeated write and shows what it holds.
async fn table_that_loses_an_answer(then_written_by: Option<&'static str>) -> Fake {
    let held: Arc<Mutex<Option<Value>>> = Arc::default();
    Fake::start(move |asked| {
        let mut held = held.lock().unwrap();
        let request: Value = serde_json::from_slice(&asked.body).unwrap();
        let Some(stored) = &*held else {
            let mut item = request["Item"].clone();
            if let Some(other) = then_written_by {
                item["write_id"] = json!({"S": other});
            }
            *held = Some(item);
            return None;
        };
        let refusal = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
            "message": "The conditional request failed",
            "Item": stored,
        });
        Some(Answer::new(400, refusal.to_string()))
    })
    .await
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_known_as_ones_own() {
    let fake = table_that_loses_an_answer(None).await;
    let sdk = sdk(&fake.url, PATIENT).await;
    let written = store(&sdk)
        .put_fleet(&FleetRecord::default(), Version(4))
        .await;
    assert!(matches!(written, Ok(Version(5))), "{written:?}");
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test]
async fn a_write_that_came_after_another_is_a_conflict_and_not_repeated() {
    let fake = table_that_loses_an_answer(Some("somebody else's")).await;
    let sdk = sdk(&fake.url, PATIENT).await;
    let written = store(&sdk)
        .put_fleet(&FleetRecord::default(), Version(4))
        .await;
    assert!(matches!(written, Err(StoreError::Conflict)), "{written:?}");
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test]
async fn a_bus_that_takes_the_call_and_not_the_event_is_a_fault() {
    let answer = json!({"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "no"}]});
    let fake = Fake::start(move |_| Some(Answer::new(200, answer.to_string()))).await;
    let error = Call::Wake.make(&sdk(&fake.url, PATIENT).await).await;
    let error = error.unwrap_err();
    assert!(
        format!("{error:?}").contains("InternalFailure"),
        "{error:?}"
    );
}
