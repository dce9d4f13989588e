//! Each fault has a typed outcome, after as many tries as it is worth.

use super::*;

/// The answer to `HEAD` of the object; its bucket is there.
fn about_object(answer: Answer) -> impl Fn(&Asked) -> Option<Answer> {
    move |asked| {
        let bucket = asked.is("HEAD", "/bucket ") || asked.is("HEAD", "/bucket/ ");
        Some(if bucket {
            Answer::new(200, "")
        } else {
            answer.clone()
        })
    }
}

#[tokio::test]
async fn what_cannot_get_better_is_tried_once_and_said_clearly() {
    for (status, code, expected) in [
        (403, "AccessDenied", "access to s3://bucket/out.mp4"),
        (403, "InvalidAccessKeyId", "does not know these credentials"),
        (
            403,
            "SignatureDoesNotMatch",
            "does not know these credentials",
        ),
        (400, "ExpiredToken", "the credentials have expired"),
        (404, "NoSuchBucket", "the bucket does not exist"),
        (404, "NoSuchKey", "there is nothing at s3://bucket/out.mp4"),
        (403, "InvalidObjectState", "restore it first"),
    ] {
        let (storage, fake) = storage(move |_| Some(Answer::fault(status, code))).await;
        let to = TempDir::new().unwrap().path().join("in");
        let error = storage
            .fetch(&uri(), None, u64::MAX, &to)
            .await
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{code}: {error}");
        assert!(!matches!(error, MediaError::Unavailable { .. }), "{code}");
        assert_eq!(fake.asked().len(), 1, "{code}");
        assert!(!to.exists());
    }
}

#[tokio::test]
async fn what_may_pass_is_tried_again_and_then_left_to_the_next_attempt() {
    for (answer, expected) in [
        (Some(Answer::fault(503, "SlowDown")), "SlowDown so says S3"),
        (Some(Answer::fault(500, "InternalError")), "InternalError"),
        (
            Some(Answer::fault(503, "ServiceUnavailable")),
            "ServiceUnavailable",
        ),
        (Some(Answer::never()), "timeout"),
        (None, "dispatch failure"),
    ] {
        let (storage, fake) = storage_within(SOON, move |_| answer.clone()).await;
        let error = storage.stat(&uri()).await.unwrap_err();
        assert!(
            matches!(error, MediaError::Unavailable { .. }),
            "{expected}: {error:?}"
        );
        assert_eq!(fake.asked().len(), TRIES as usize, "{expected}");
        // `HEAD` has no body, and so no words of S3's own.
        let to = TempDir::new().unwrap().path().join("in");
        let error = storage
            .fetch(&uri(), None, u64::MAX, &to)
            .await
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_throttled_call_gets_through_when_there_is_room_again() {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let (storage, _fake) = storage(move |_| {
        let before = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Some(match before {
            0 | 1 => Answer::fault(503, "SlowDown"),
            _ => Answer::new(200, "some media").with("etag", "\"1\""),
        })
    })
    .await;
    let found = storage.stat(&uri()).await.unwrap().unwrap();
    assert_eq!(
        (found.bytes, found.etag.as_deref()),
        (Some(10), Some("\"1\""))
    );
}

#[tokio::test]
async fn a_missing_bucket_is_no_empty_place() {
    let (storage, fake) = storage(|_| Some(Answer::new(404, ""))).await;
    let error = storage.stat(&uri()).await.unwrap_err();
    assert!(matches!(error, MediaError::NotFound(_)), "{error:?}");
    assert!(
        error.to_string().contains("the bucket does not exist"),
        "{error}"
    );
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test]
async fn whether_a_bucket_is_there_is_asked_once() {
    for bucket in [200, 403] {
        let (storage, fake) = storage(move |asked| {
            let object = asked.line.contains("out.mp4");
            Some(Answer::new(if object { 404 } else { bucket }, ""))
        })
        .await;
        for _ in 0..3 {
            assert_eq!(storage.stat(&uri()).await.unwrap(), None);
        }
        assert_eq!(fake.asked().len(), 4, "{bucket}");
    }
}

#[tokio::test]
async fn a_bucket_elsewhere_is_called_there_from_then_on() {
    let (storage, fake) = storage(|asked| {
        let here = asked
            .header("authorization")
            .unwrap()
            .contains("/ap-south-1/s3/");
        Some(if here {
            Answer::new(200, "media")
        } else {
            Answer::new(301, "").with("x-amz-bucket-region", "ap-south-1")
        })
    })
    .await;
    for _ in 0..2 {
        assert_eq!(storage.stat(&uri()).await.unwrap().unwrap().bytes, Some(5));
    }
    assert_eq!(fake.asked().len(), 3);
}

#[tokio::test]
async fn a_bucket_that_is_always_elsewhere_is_not_chased() {
    let (storage, fake) = storage(|asked| {
        let first = asked
            .header("authorization")
            .unwrap()
            .contains("/eu-central-1/");
        let region = if first { "ap-south-1" } else { "eu-central-1" };
        Some(Answer::new(301, "").with("x-amz-bucket-region", region))
    })
    .await;
    let error = storage.stat(&uri()).await.unwrap_err();
    assert!(error.to_string().contains("S3 answered 301"), "{error}");
    assert_eq!(fake.asked().len(), 2);
}

#[tokio::test]
async fn denied_access_says_that_the_object_may_not_be_there() {
    let (storage, _fake) = storage(about_object(Answer::new(403, ""))).await;
    let error = storage.stat(&uri()).await.unwrap_err();
    assert!(matches!(error, MediaError::Forbidden(_)), "{error:?}");
    assert!(
        error.to_string().contains("may not list the bucket"),
        "{error}"
    );
}
