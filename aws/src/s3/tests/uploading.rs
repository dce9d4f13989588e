//! Uploads that break, that nobody wants any more, and whose last answer is lost.

use std::sync::{Arc, Mutex};

use super::*;

/// Of an output in two parts.
const LARGE: usize = 17 * 1_024 * 1_024;

const ID: &str =
    "<InitiateMultipartUploadResult><UploadId>upload-1</UploadId></InitiateMultipartUploadResult>";
const DONE: &str =
    "<CompleteMultipartUploadResult><ETag>\"new-3\"</ETag></CompleteMultipartUploadResult>";

/// What S3 answers on a good day.
fn well(asked: &Asked) -> Answer {
    if asked.is("POST", "?uploads") {
        Answer::new(200, ID)
    } else if asked.is("POST", "uploadId=upload-1") {
        Answer::new(200, DONE)
    } else if asked.is("PUT", "") {
        Answer::new(200, "").with("etag", "\"new\"")
    } else if asked.is("DELETE", "uploadId=upload-1") {
        Answer::new(204, "")
    } else {
        Answer::new(404, "")
    }
}

async fn stage(
    storage: &S3Storage,
    bytes: usize,
) -> Result<super::super::StagedObject, MediaError> {
    let (_folder, file, segments) = output(bytes);
    storage.stage(&uri(), Upload::new(&file, &segments)).await
}

fn count(fake: &Fake, method: &str, part: &str) -> usize {
    let asked = fake.asked();
    asked.iter().filter(|asked| asked.is(method, part)).count()
}

/// Waits for the request that takes an upload back.
async fn aborted(fake: &Fake) {
    let seen = async {
        while count(fake, "DELETE", "uploadId=upload-1") == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let limit = Duration::from_secs(10);
    tokio::time::timeout(limit, seen).await.expect("an abort");
}

#[tokio::test]
async fn a_small_output_takes_one_call_and_a_large_one_two_more_than_parts() {
    for (bytes, calls, etag) in [(10, 1, "\"new\""), (LARGE, 4, "\"new-3\"")] {
        let (storage, fake) = storage(|asked| Some(well(asked))).await;
        let staged = stage(&storage, bytes).await.unwrap();
        let committed = storage.commit(staged, None).await.unwrap();
        assert_eq!(committed.as_deref(), Some(etag));
        let asked = fake.asked();
        assert_eq!(asked.len(), calls);
        let last = asked.last().unwrap();
        assert_eq!(last.header("if-none-match"), Some("*"));
        assert_eq!(last.header("if-match"), None);
    }
}

#[tokio::test]
async fn an_output_replaces_one_version_and_no_other() {
    for bytes in [10, LARGE] {
        let (storage, fake) = storage(|asked| Some(well(asked))).await;
        let staged = stage(&storage, bytes).await.unwrap();
        let before = ObjectFacts {
            bytes: Some(3),
            etag: Some("\"old\"".to_owned()),
        };
        storage.commit(staged, Some(&before)).await.unwrap();
        let asked = fake.asked();
        let last = asked.last().unwrap();
        assert_eq!(last.header("if-match"), Some("\"old\""));
        assert_eq!(last.header("if-none-match"), None);
    }
}

#[tokio::test]
async fn a_destination_that_changed_is_a_conflict_and_leaves_no_upload() {
    for (status, code) in [
        (412, "PreconditionFailed"),
        (409, "ConditionalRequestConflict"),
        (404, "NoSuchKey"),
    ] {
        for (bytes, method, uploads) in [(10, "PUT", 0), (LARGE, "POST", 1)] {
            let (storage, fake) = storage(move |asked| {
                let last = asked.is(method, "") && !asked.line.contains("?uploads");
                let refused = last && !asked.line.contains("partNumber");
                Some(if refused {
                    Answer::fault(status, code)
                } else {
                    well(asked)
                })
            })
            .await;
            let staged = stage(&storage, bytes).await.unwrap();
            let error = storage.commit(staged, None).await.unwrap_err();
            assert!(matches!(error, MediaError::Changed(_)), "{code}: {error:?}");
            assert_eq!(count(&fake, "DELETE", "upload-1"), uploads, "{code}");
        }
    }
}

#[tokio::test]
async fn an_upload_that_breaks_at_its_second_part_is_taken_back() {
    let (storage, fake) = storage(|asked| {
        let second = asked.is("PUT", "partNumber=2");
        Some(if second {
            Answer::fault(500, "InternalError")
        } else {
            well(asked)
        })
    })
    .await;
    let error = stage(&storage, LARGE).await.unwrap_err();
    assert!(matches!(error, MediaError::Unavailable { .. }), "{error:?}");
    assert_eq!(count(&fake, "PUT", "partNumber=2"), TRIES as usize);
    assert_eq!(count(&fake, "DELETE", "uploadId=upload-1"), 1);
    assert_eq!(count(&fake, "POST", "uploadId=upload-1"), 0);
}

#[tokio::test]
async fn a_part_that_breaks_once_is_sent_again_alone() {
    let broken = Mutex::new(false);
    let (storage, fake) = storage(move |asked| {
        let mut broken = broken.lock().unwrap();
        if asked.is("PUT", "partNumber=2") && !*broken {
            *broken = true;
            return None;
        }
        Some(well(asked))
    })
    .await;
    let staged = stage(&storage, LARGE).await.unwrap();
    storage.commit(staged, None).await.unwrap();
    assert_eq!(count(&fake, "PUT", "partNumber="), 3);
}

#[tokio::test]
async fn an_output_that_is_dropped_leaves_no_upload() {
    let (storage, fake) = storage(|asked| Some(well(asked))).await;
    drop(stage(&storage, LARGE).await.unwrap());
    aborted(&fake).await;
}

#[tokio::test]
async fn four_parts_are_under_way_at_most_and_a_canceled_upload_is_taken_back() {
    let (storage, fake) = storage(|asked| {
        let part = asked.is("PUT", "partNumber=");
        Some(if part { Answer::never() } else { well(asked) })
    })
    .await;
    let staging = tokio::spawn(async move { stage(&storage, 4 * LARGE).await.map(drop) });
    let four = async {
        while count(&fake, "PUT", "partNumber=") < 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let limit = Duration::from_secs(20);
    tokio::time::timeout(limit, four).await.expect("four parts");
    assert_eq!(count(&fake, "PUT", "partNumber=5"), 0);
    staging.abort();
    aborted(&fake).await;
    assert_eq!(count(&fake, "PUT", "partNumber="), 4);
}

#[tokio::test]
async fn a_committed_upload_is_not_taken_back() {
    let (storage, fake) = storage(|asked| Some(well(asked))).await;
    let staged = stage(&storage, LARGE).await.unwrap();
    storage.commit(staged, None).await.unwrap();
    storage.stat(&uri()).await.unwrap_err();
    assert_eq!(count(&fake, "DELETE", ""), 0);
}

#[tokio::test]
async fn a_part_has_time_for_its_bytes() {
    let (storage, fake) = storage_within(SOON, |asked| {
        let part = asked.is("PUT", "");
        Some(if part {
            well(asked).after(2 * SOON)
        } else {
            well(asked)
        })
    })
    .await;
    for (bytes, sent) in [(10, 1), (LARGE, 3)] {
        let staged = stage(&storage, bytes).await.unwrap();
        storage.commit(staged, None).await.unwrap();
        assert_eq!(count(&fake, "PUT", ""), sent);
    }
}

/// Does what it is asked and loses the answer; `HEAD` shows the object with the metadata of `upload`.
async fn forgetful(upload: fn(String) -> String) -> (S3Storage, Fake) {
    let kept: Arc<Mutex<Option<String>>> = Arc::default();
    storage(move |asked| {
        let mut kept = kept.lock().unwrap();
        if let Some(upload) = asked.header("x-amz-meta-nommer-upload") {
            *kept = Some(upload.to_owned());
        }
        let last = asked.is("POST", "uploadId=") || asked.is("PUT", "");
        match (&*kept, asked.is("HEAD", "out.mp4")) {
            (Some(kept), true) => Some(
                Answer::new(200, "media")
                    .with("etag", "\"shown\"")
                    .with("x-amz-meta-nommer-upload", upload(kept.clone())),
            ),
            _ if last && !asked.line.contains("partNumber") => None,
            _ => Some(well(asked)),
        }
    })
    .await
}

#[tokio::test]
async fn a_lost_answer_is_found_in_the_object() {
    for bytes in [10, LARGE] {
        let (storage, fake) = forgetful(|upload| upload).await;
        let staged = stage(&storage, bytes).await.unwrap();
        let committed = storage.commit(staged, None).await.unwrap();
        assert_eq!(committed.as_deref(), Some("\"shown\""));
        assert_eq!(count(&fake, "DELETE", ""), 0);
    }
}

#[tokio::test]
async fn another_ones_object_is_no_lost_answer() {
    for (bytes, uploads) in [(10, 0), (LARGE, 1)] {
        let (storage, fake) = forgetful(|upload| format!("not-{upload}")).await;
        let staged = stage(&storage, bytes).await.unwrap();
        let error = storage.commit(staged, None).await.unwrap_err();
        assert!(matches!(error, MediaError::Unavailable { .. }), "{error:?}");
        assert_eq!(count(&fake, "DELETE", "upload-1"), uploads);
    }
}

#[tokio::test]
async fn options_go_along_with_the_output() {
    let fake = Fake::start(|asked| Some(well(asked))).await;
    let options = S3Options {
        acl: Some("public-read".into()),
        storage_class: Some("STANDARD_IA".into()),
        encryption: Some("aws:kms".into()),
        kms_key_id: Some("key-1".to_owned()),
        ..S3Options::default()
    };
    let storage = S3Storage::new(&sdk(&fake.url, Duration::from_secs(20)).await, options);
    for bytes in [10, LARGE] {
        let staged = stage(&storage, bytes).await.unwrap();
        storage.commit(staged, None).await.unwrap();
    }
    let asked = fake.asked();
    let sent: Vec<_> = asked
        .iter()
        .filter(|asked| asked.header("x-amz-acl").is_some())
        .collect();
    assert_eq!(sent.len(), 2);
    for asked in sent {
        assert_eq!(asked.header("x-amz-acl"), Some("public-read"));
        assert_eq!(asked.header("x-amz-storage-class"), Some("STANDARD_IA"));
        assert_eq!(
            asked.header("x-amz-server-side-encryption"),
            Some("aws:kms")
        );
        let key = "x-amz-server-side-encryption-aws-kms-key-id";
        assert_eq!(asked.header(key), Some("key-1"));
        assert_eq!(asked.header("content-type"), Some("video/mp4"));
    }
}

#[tokio::test]
async fn what_a_job_says_of_its_outputs_goes_before_what_the_operator_said() {
    let fake = Fake::start(|asked| Some(well(asked))).await;
    let options = S3Options {
        acl: Some("private".into()),
        storage_class: Some("STANDARD_IA".into()),
        ..S3Options::default()
    };
    let storage = S3Storage::new(&sdk(&fake.url, Duration::from_secs(20)).await, options);
    let attributes = ObjectAttributes {
        acl: Some("public-read".to_owned()),
        cache_control: Some("max-age=60".to_owned()),
        metadata: [("film".to_owned(), "7".to_owned())].into(),
        ..ObjectAttributes::NONE
    };
    for bytes in [10, LARGE] {
        let (_folder, from, segments) = output(bytes);
        let upload = Upload {
            attributes: &attributes,
            ..Upload::new(&from, &segments)
        };
        let staged = storage.stage(&uri(), upload).await.unwrap();
        storage.commit(staged, None).await.unwrap();
    }
    let asked = fake.asked();
    let sent = asked
        .iter()
        .filter(|asked| asked.header("x-amz-acl").is_some());
    let told = |asked: &Asked| {
        let names = [
            "x-amz-acl",
            "x-amz-storage-class",
            "cache-control",
            "x-amz-meta-film",
        ];
        names.map(|name| asked.header(name).unwrap_or("-").to_owned())
    };
    let sent: Vec<_> = sent.map(told).collect();
    assert_eq!(sent, [["public-read", "STANDARD_IA", "max-age=60", "7"]; 2]);
}

#[tokio::test]
async fn a_bucket_without_acls_says_what_to_do() {
    for bytes in [10, LARGE] {
        let (storage, _fake) =
            storage(|_| Some(Answer::fault(400, "AccessControlListNotSupported"))).await;
        let committing = async {
            let staged = stage(&storage, bytes).await?;
            storage.commit(staged, None).await
        };
        let error = committing.await.unwrap_err();
        assert!(matches!(error, MediaError::Forbidden(_)), "{error:?}");
        assert!(error.to_string().contains("storage.s3_acl"), "{error}");
    }
}
