//! Who signs: the credentials of the address, or else the role's, and never one in place of the other.

use super::*;

const SECRET: &str = "address-secret-canary";

fn with_credentials() -> MediaUri {
    uri().with_secret(Secret::new(format!("AKIDADDRESS:{SECRET}")))
}

fn signer(asked: &Asked) -> &str {
    let signed = asked.header("authorization").unwrap();
    let from = signed.split_once("Credential=").unwrap().1;
    from.split('/').next().unwrap()
}

/// Everything that the adapter does, with whatever comes of it.
async fn use_all(storage: &S3Storage, uri: &MediaUri) -> Vec<MediaError> {
    let work = TempDir::new().unwrap();
    let mut errors = Vec::new();
    errors.extend(storage.stat(uri).await.err());
    let fetched = storage
        .fetch(uri, None, u64::MAX, &work.path().join("in"))
        .await;
    errors.extend(fetched.err());
    for bytes in [10, 9 * 1_024 * 1_024] {
        let (_folder, file, segments) = output(bytes);
        match storage.stage(uri, Upload::new(&file, &segments)).await {
            Ok(staged) => errors.extend(storage.commit(staged, None).await.err()),
            Err(error) => errors.push(error),
        }
    }
    errors
}

#[tokio::test]
async fn an_address_with_credentials_is_signed_with_them_alone_whatever_is_answered() {
    for (status, code) in [
        (200, ""),
        (403, "AccessDenied"),
        (403, "InvalidAccessKeyId"),
        (400, "ExpiredToken"),
        (503, "SlowDown"),
        (301, "PermanentRedirect"),
    ] {
        let (storage, fake) = storage(move |_| {
            let answer = Answer::fault(status, code);
            Some(answer.with("x-amz-bucket-region", "ap-south-1"))
        })
        .await;
        let errors = use_all(&storage, &with_credentials()).await;
        let asked = fake.asked();
        assert!(asked.len() >= 4, "{code}");
        for asked in &asked {
            assert_eq!(signer(asked), "AKIDADDRESS", "{code}: {}", asked.line);
            assert_eq!(asked.header("x-amz-security-token"), None);
        }
        let told = format!("{errors:?} {storage:?}");
        let told = errors
            .iter()
            .fold(told, |told, error| told + &error.to_string());
        for secret in [SECRET, ROLE_SECRET, "AKIDADDRESS"] {
            assert!(!told.contains(secret), "{code}: {secret} in {told}");
        }
    }
}

#[tokio::test]
async fn an_address_without_credentials_is_signed_with_the_roles() {
    let (storage, fake) = storage(|_| Some(Answer::new(200, ""))).await;
    use_all(&storage, &with_credentials()).await;
    let before = fake.asked().len();
    use_all(&storage, &uri()).await;
    let asked = fake.asked();
    assert!(asked[before..].iter().all(|asked| signer(asked) == ROLE));
    assert!(asked.len() > before);
}

#[tokio::test]
async fn connections_are_kept_whoever_signs() {
    let (storage, fake) = storage(|_| Some(Answer::new(200, "media"))).await;
    for _ in 0..3 {
        storage.stat(&uri()).await.unwrap();
        storage.stat(&with_credentials()).await.unwrap();
    }
    let asked = fake.asked();
    assert_eq!(asked.len(), 6);
    assert!(asked.iter().all(|asked| asked.connection == 0), "{asked:?}");
}

#[tokio::test]
async fn an_address_whose_credentials_are_kept_elsewhere_is_not_served_by_the_role() {
    let (storage, fake) = storage(|_| Some(Answer::new(200, "media"))).await;
    let (without, _secret) = with_credentials().split_secret();
    let error = storage.stat(&without).await.unwrap_err();
    assert!(matches!(error, MediaError::Unusable(_)), "{error:?}");
    assert!(fake.asked().is_empty());
}
