//! What is signed, and what S3 is asked for an upload in parts, against a server that answers as S3 does.

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_types::region::Region;
use nommer_core::upload::{Announced, LIFETIME_OF_PARTS};

use super::*;
use crate::fake::{Answer, Asked, Fake};

/// What the fake calls its upload.
const HANDLE: &str = "2~abc/d+e=";

/// Ten bytes make three parts.
const SMALL: Cut = Cut {
    whole: 5,
    usual: 4,
    largest: 8,
    parts: 3,
};

fn sdk(region: &'static str, endpoint: Option<&str>) -> SdkConfig {
    let credentials = Credentials::new("AKID", "SECRET", Some("a/b+c=".to_owned()), None, "test");
    let mut sdk = SdkConfig::builder()
        .region(Region::from_static(region))
        .credentials_provider(SharedCredentialsProvider::new(credentials));
    sdk.set_endpoint_url(endpoint.map(str::to_owned));
    sdk.build()
}

fn upload(bytes: u64) -> Upload {
    Upload {
        id: "upload_1".parse().unwrap(),
        owner: None,
        announced: Announced {
            filename: "käfer (2)+.mov".to_owned(),
            bytes,
            content_type: "video/quicktime".to_owned(),
        },
        expires_at: Timestamp::from_second(3_600).unwrap(),
    }
}

fn has(url: &str, parts: &[&str]) {
    let (_, query) = url.split_once('?').unwrap();
    for part in parts {
        assert!(query.split('&').any(|one| one == *part), "{part}: {query}");
    }
}

async fn faked(
    answer: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static,
) -> (S3Uploads, Fake) {
    let fake = Fake::start(answer).await;
    let uploads = S3Uploads::new(&sdk("eu-west-1", Some(&fake.url)), "media").unwrap();
    (uploads.with_cut(SMALL), fake)
}

async fn complete(uploads: &S3Uploads) -> Result<Completion, StoreError> {
    let etags = ["aa", "bb", "cc"].map(str::to_owned);
    let now = Timestamp::UNIX_EPOCH;
    uploads.complete(&upload(10), HANDLE, &etags, now).await
}

#[tokio::test]
async fn an_address_holds_for_one_name_one_length_and_one_hour() {
    let uploads = S3Uploads::new(&sdk("eu-west-1", None), "media").unwrap();
    let offer = uploads.offer(&upload(7), Timestamp::UNIX_EPOCH).await;
    let Offer::Whole { url, headers } = offer.unwrap() else {
        panic!("seven bytes in parts");
    };
    assert_eq!(
        url.split_once('?').unwrap().0,
        "https://media.s3.eu-west-1.amazonaws.com/uploads/operator/upload_1/k%C3%A4fer%20%282%29%2B.mov"
    );
    has(
        &url,
        &[
            "X-Amz-Expires=3600",
            "X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost",
            "X-Amz-Date=19700101T000000Z",
            "X-Amz-Security-Token=a%2Fb%2Bc%3D",
            "X-Amz-Credential=AKID%2F19700101%2Feu-west-1%2Fs3%2Faws4_request",
        ],
    );
    assert!(!url.contains("SECRET"));
    assert_eq!(headers[0].1, "7");
}

#[test]
fn buckets_are_where_the_partition_or_the_endpoint_says() {
    for (region, endpoint, expected) in [
        (
            "cn-north-1",
            None,
            "https://media.s3.cn-north-1.amazonaws.com.cn/",
        ),
        (
            "us-east-1",
            Some("http://127.0.0.1:4566/"),
            "http://127.0.0.1:4566/media/",
        ),
    ] {
        let uploads = S3Uploads::new(&sdk(region, endpoint), "media").unwrap();
        assert_eq!(uploads.address.base(), expected);
        assert_eq!(uploads.root(), "s3://media/uploads/");
    }
}

#[tokio::test]
async fn an_upload_in_parts_is_opened_and_each_part_signed_for_its_length() {
    let (uploads, fake) = faked(|_| {
        let xml = format!("<R><Key>k</Key><UploadId>{HANDLE}</UploadId></R>");
        Some(Answer::new(200, xml))
    })
    .await;
    let mut upload = upload(10);
    let day = i64::try_from(LIFETIME_OF_PARTS.as_secs()).unwrap();
    upload.expires_at = Timestamp::from_second(day).unwrap();
    let now = Timestamp::UNIX_EPOCH;
    let Offer::Parts { handle, parts } = uploads.offer(&upload, now).await.unwrap() else {
        panic!("ten bytes in one request");
    };
    assert_eq!(handle, HANDLE);
    let asked = fake.asked();
    let [open] = asked.as_slice() else {
        panic!("{asked:?}");
    };
    assert!(open.is(
        "POST",
        "/media/uploads/operator/upload_1/k%C3%A4fer%20%282%29%2B.mov?uploads="
    ));
    assert_eq!(open.header("content-type"), Some("video/quicktime"));
    assert_eq!(open.header("content-length"), Some("0"));
    let lengths: Vec<_> = parts.iter().map(|part| (part.number, part.bytes)).collect();
    assert_eq!(lengths, [(1, 4), (2, 4), (3, 2)]);
    has(
        &parts[2].url,
        &[
            "partNumber=3",
            "uploadId=2~abc%2Fd%2Be%3D",
            "X-Amz-Expires=86400",
            "X-Amz-SignedHeaders=content-length%3Bhost",
        ],
    );
    let again = uploads.offer_parts(&upload, HANDLE, now).await.unwrap();
    assert_eq!(again, parts);
    assert_eq!(fake.asked().len(), 1, "new addresses need no request");
}

#[tokio::test]
async fn parts_are_put_together_by_their_tags() {
    let (uploads, fake) = faked(|_| Some(Answer::new(200, "<Result/>"))).await;
    assert_eq!(complete(&uploads).await.unwrap(), Completion::Done);
    let asked = fake.asked();
    assert!(asked[0].is("POST", "?uploadId=2~abc%2Fd%2Be%3D&X-Amz-"));
    let body = String::from_utf8_lossy(&asked[0].body);
    assert!(
        body.contains("<Part><PartNumber>3</PartNumber><ETag>\"cc\"</ETag></Part>"),
        "{body}"
    );
}

#[tokio::test]
async fn an_upload_that_was_completed_before_is_so_again_if_it_is_there() {
    for (status, bytes, expected) in [
        (200, 10, Completion::Done),
        (200, 9, Completion::Unknown),
        (404, 0, Completion::Unknown),
        (403, 0, Completion::Unknown),
    ] {
        let (uploads, _fake) = faked(move |asked| {
            Some(if asked.is("HEAD", "") {
                Answer::new(status, vec![7; bytes])
            } else {
                Answer::fault(404, "NoSuchUpload")
            })
        })
        .await;
        assert_eq!(complete(&uploads).await.unwrap(), expected, "{status}");
    }
}

#[tokio::test]
async fn a_part_that_s3_does_not_have_is_told_with_its_number() {
    for (xml, number) in [
        (
            "<Error><Code>InvalidPart</Code><PartNumber>2</PartNumber></Error>",
            Some(2),
        ),
        ("<Error><Code>InvalidPart</Code></Error>", None),
    ] {
        // S3 may say so after it began a good answer.
        for status in [400, 200] {
            let (uploads, _fake) = faked(move |_| Some(Answer::new(status, xml))).await;
            let completed = complete(&uploads).await.unwrap();
            assert_eq!(completed, Completion::OtherPart(number));
        }
    }
}

#[tokio::test]
async fn what_s3_cannot_answer_is_asked_again_and_what_it_refuses_is_not() {
    let (uploads, fake) = faked(|_| Some(Answer::fault(503, "SlowDown"))).await;
    let error = complete(&uploads).await.unwrap_err();
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.contains("SlowDown") && !why.contains("X-Amz"), "{why}");
    assert_eq!(fake.asked().len(), 3);
    let (uploads, fake) = faked(|_| Some(Answer::fault(403, "AccessDenied"))).await;
    complete(&uploads).await.unwrap_err();
    assert_eq!(fake.asked().len(), 1);
    let (uploads, fake) = faked(|_| None).await;
    uploads
        .offer(&upload(10), Timestamp::UNIX_EPOCH)
        .await
        .unwrap_err();
    assert_eq!(fake.asked().len(), 3);
}
