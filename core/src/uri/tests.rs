use proptest::prelude::*;

use super::*;

fn rules() -> UriRules {
    UriRules::local(
        NetworkRules::default(),
        vec!["/media".into(), "/media/nommer/media".into()],
        "/media/nommer".into(),
    )
}

fn source(text: &str) -> Result<MediaUri, UriError> {
    MediaUri::parse_source(text, &rules())
}

#[test]
fn the_originals_addresses_are_read_and_its_mistakes_put_right() {
    // (address, id, secret, bucket, key); those marked were misread by the original.
    let cases = [
        (
            "s3://AK:SE/CR+T=@bkt/dir/key.mp4",
            Some(("AK", "SE/CR+T=")),
            "bkt",
            "dir/key.mp4",
        ),
        ("s3://AK:SE%2FCR@bkt/k", Some(("AK", "SE/CR")), "bkt", "k"),
        ("s3://AK:S:X@bkt/k", Some(("AK", "S:X")), "bkt", "k"),
        ("s3://AK:S@bkt/a@b.mp4", Some(("AK", "S")), "bkt", "a@b.mp4"),
        (
            "s3://AK:S@bkt/a:b/c?d=e#f",
            Some(("AK", "S")),
            "bkt",
            "a:b/c?d=e#f",
        ),
        ("s3://AK:S@bkt//k", Some(("AK", "S")), "bkt", "/k"),
        ("s3://AK:S@X@bkt/k@l", Some(("AK", "S@X")), "bkt", "k@l"), // misread
        ("s3://AK:S%40X/Y@bkt/k", Some(("AK", "S@X/Y")), "bkt", "k"),
        ("s3://bkt/k.mp4", None, "bkt", "k.mp4"),
        ("s3://bkt/a@b.mp4", None, "bkt", "a@b.mp4"), // misread
        ("s3://bkt/dir:x/a@b.mp4", None, "bkt", "dir:x/a@b.mp4"), // misread
        ("S3://bkt/ä ö.mp4", None, "bkt", "ä ö.mp4"),
    ];
    for (text, credentials, bucket, key) in cases {
        let uri = source(text).unwrap();
        assert_eq!(uri.s3(), Some((bucket, key)), "{text}");
        let found = uri.credentials();
        let found = found.as_ref().map(|found| {
            (
                found.access_key_id.as_str(),
                found.secret_access_key.expose(),
            )
        });
        assert_eq!(found, credentials, "{text}");
    }
    assert_eq!(
        source("http://example.com/p@x")
            .unwrap()
            .expose_url()
            .unwrap()
            .path(),
        "/p@x"
    ); // misread
}

#[test]
fn addresses_that_name_nothing_are_refused() {
    for text in [
        "",
        "in.mp4",
        "/media/in.mp4",
        "s3://",
        "s3://bkt",
        "s3://bkt/",
        "s3:///k",
        "s3://AK:S@bkt",
        "s3://AK:@bkt/k",
        "s3://:S@bkt/k",
        "s3://A K:S@bkt/k",
        "s3://AK:S%ff@bkt/k",
        "s3://AK:S%0a@bkt/k",
        "s3://bkt:9000/k",
        "s3://arn:aws:s3:::bkt/k",
        "s3://B_1/k",
        "s3://a..b/k",
        "s3://127.0.0.1/k",
        "s3://user@bkt/k",
        "s3://***@bkt/k",
        "s3://bkt/../k",
        "s3://bkt/x%2f..%2fy",
        "s3://bkt/a\nb",
        "ftp://h/x",
        "gopher://h/x",
        "file://x",
        "file://tmp/x",
        "file:///etc/passwd",
        "file:///media/../etc/passwd",
        "file:///media/./x",
        "file:///mediaevil/x",
        "http:///x",
        "http://u:p@h/x",
        "http://u@h/x",
        "http://@h/x",
        "http://h/x?***",
        "http://a b/",
        "http://h\\@g/",
        "http://127.0.0.1/",
        "http://h:22/",
        "javascript://x",
        "concat://a|b",
        "data://text",
    ] {
        assert!(source(text).is_err(), "{text}");
    }
    assert!(source(&format!("s3://bkt/{}", "k".repeat(1_025))).is_err());
}

#[test]
fn no_refusal_repeats_what_may_be_a_secret() {
    for text in [
        "s3://AKIA:HUSH/bkt/k",
        "s3://AKIA:HUSH",
        "s3://AKIA:p@HUSH@bkt/../k",
        "s3://AKIA:p@HUSH/w@bkt/k",
        "s3://:HUSH@bkt/k",
        "s3://AKIA%3AHUSH@bkt/k",
        "s3://a@b:HUSH@bkt/k",
        "s3:/AKIA:HUSH@bkt/k",
        "AKIA:HUSH@s3://bkt/k",
        "https://u:HUSH@example.com/k",
        "https://u:HUSH/k@example.com",
        "https://example.com:22/k?token=HUSH",
        "https://example.com/a b?token=HUSH",
    ] {
        let refusal = source(text).unwrap_err();
        let shown = format!("{refusal} {refusal:?}");
        assert!(!shown.contains("HUSH"), "{text}: {shown}");
    }
}

#[test]
fn an_at_sign_after_the_host_is_no_user_name() {
    assert!(source("https://example.com?mail=a@b.c").is_ok());
    assert!(source("https://example.com/@channel/a.mp4").is_ok());
}

#[test]
fn what_was_let_in_is_read_back_however_long_its_escapes() {
    let long = |letters| source(&format!("https://example.com/{}", "ä".repeat(letters)));
    assert!(long(400).is_err(), "2,400 bytes of escapes");
    let stored = serde_json::to_string(&long(300).unwrap()).unwrap();
    assert_eq!(
        serde_json::from_str::<MediaUri>(&stored).unwrap(),
        long(300).unwrap()
    );
}

#[test]
fn receivers_are_read_as_strictly_as_sources() {
    for text in [
        "http:example.com/a/b",
        "\u{1}https://example.com/x",
        "https://example.com/\u{7f}x",
        "s3://bkt/k",
        "https://u@example.com/x",
    ] {
        assert!(
            NotifyUrl::parse(text, &NetworkRules::default()).is_err(),
            "{text:?}"
        );
    }
}

#[test]
fn files_are_served_below_the_allowed_folders_in_one_spelling() {
    for text in [
        "file:///media/a b%20.mp4",
        "file://localhost/media/a b%20.mp4",
        "file:///media//a b%20.mp4",
    ] {
        assert_eq!(
            source(text).unwrap().path().unwrap(),
            Path::new("/media/a b%20.mp4"),
            "{text}"
        );
    }
    let aws = UriRules::default();
    assert!(
        MediaUri::parse_source("file:///media/x", &aws)
            .unwrap_err()
            .to_string()
            .contains("local mode")
    );
}

#[test]
fn the_systems_own_folder_is_not_served_but_for_its_media() {
    for text in [
        "file:///media/nommer/secret.key",
        "file:///media/nommer/nommer.db",
        "file:///media/nommer/mediaevil",
    ] {
        assert!(source(text).is_err(), "{text}");
    }
    assert!(source("file:///media/nommer/media/clip.mp4").is_ok());
    assert!(source("file:///media/nommers").is_ok());
}

#[test]
fn a_destination_is_a_file_that_can_be_written() {
    let destination = |text: &str| MediaUri::parse_destination(text, &rules());
    assert!(destination("s3://bkt/out.mp4").is_ok());
    for text in [
        "s3://bkt/dir/",
        "file:///media/dir/",
        "https://example.com/out.mp4",
    ] {
        assert!(destination(text).is_err(), "{text}");
    }
}

#[test]
fn secrets_are_taken_out_stay_out_and_come_back() {
    let text = "s3://AKIA:hush/HUSH+@bkt/k.mp4";
    let (plain, secret) = source(text).unwrap().split_secret();
    let stored = serde_json::to_string(&plain).unwrap();
    assert_eq!(stored, "\"s3://***@bkt/k.mp4\"");
    let read: MediaUri = serde_json::from_str(&stored).unwrap();
    assert_eq!(read, plain);
    assert!(read.credentials().is_none());
    let whole = read.with_secret(secret.unwrap());
    assert_eq!(
        whole.credentials().unwrap().secret_access_key.expose(),
        "hush/HUSH+"
    );
    assert_eq!(
        format!("{whole} {whole:?}"),
        "s3://***@bkt/k.mp4 MediaUri(s3://***@bkt/k.mp4)"
    );
}

#[test]
fn the_query_of_a_signed_url_is_a_secret() {
    let (plain, secret) = source("https://example.com/a.mp4?X-Signature=hush#frag")
        .unwrap()
        .split_secret();
    assert_eq!(plain.redacted(), "https://example.com/a.mp4?***");
    assert_eq!(plain.extension().as_deref(), Some("mp4"));
    let url = plain.with_secret(secret.unwrap()).expose_url().unwrap();
    assert_eq!(url.as_str(), "https://example.com/a.mp4?X-Signature=hush");
    let receiver = NotifyUrl::parse(
        "https://example.com/hook?token=hush",
        &NetworkRules::default(),
    )
    .unwrap();
    let stored = serde_json::to_string(&receiver).unwrap();
    assert!(!stored.contains("hush") && !format!("{receiver:?}").contains("hush"));
}

#[test]
fn two_spellings_of_one_destination_have_one_identity() {
    let identity = |text: &str| source(text).unwrap().identity();
    assert_eq!(identity("s3://AK:S@bkt/k"), identity("s3://bkt/k"));
    assert_eq!(
        identity("file:///media//k"),
        identity("file://localhost/media/k")
    );
}

proptest! {
    #[test]
    fn nothing_that_is_read_panics_or_shows_its_secret(id in "[A-Z]{1,8}", secret in "[a-z/+=:]{12,40}", tail in "\\PC{0,40}") {
        for text in [format!("s3://{id}:{secret}@bkt/{tail}"), format!("https://example.com/p?{secret}"), tail.clone()] {
            if let Ok(uri) = source(&text) {
                let shown = format!("{uri} {uri:?} {}", serde_json::to_string(&uri).unwrap());
                prop_assert!(!shown.contains(&secret) || tail.contains(&secret), "{shown}");
                let read: MediaUri = serde_json::from_str(&serde_json::to_string(&uri).unwrap()).unwrap();
                prop_assert_eq!(read.identity(), uri.identity());
            }
        }
    }

    // `HUSH!` stands for a secret: no rule's wording holds it. Its neighbours are what a slip of the pen leaves out, doubles or swaps.
    #[test]
    fn no_mistyped_credentials_are_shown(before in "[A-Za-z:@%/.]{0,6}", after in "[A-Za-z:@%/.]{0,12}", scheme in "(s3|S3|http|https|s)(://|:/|:|:///)") {
        if let Err(refusal) = source(&format!("{scheme}{before}:HUSH!{after}")) {
            let shown = format!("{refusal} {refusal:?}");
            prop_assert!(!shown.contains("HUSH!"), "{shown}");
        }
    }
}
