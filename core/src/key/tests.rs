//! Keys: what they look like, whom they admit, and what they let their bearers do.

use super::*;
use crate::{id::JobId, job::Job, ports::JobFilter, sealed::SealedSecrets, spec::JobSpec};
use uuid::Uuid;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn key(scopes: &[Scope], seed: u8) -> (ApiKey, Secret) {
    let grant = Grant {
        name: "test".to_owned(),
        scopes: scopes.iter().copied().collect(),
        ..Grant::default()
    };
    ApiKey::new(grant, &[seed; 40], NOW)
}

fn spec(source: &str, destination: &str) -> JobSpec {
    let body = serde_json::json!({"source_path": source, "dest_path": destination, "preset": crate::presets::DEFAULT});
    crate::spec::parse_v1(&body, &crate::spec::SpecRules::default())
        .unwrap()
        .spec
}

fn bearer(key: &Secret) -> String {
    format!("Bearer {}", key.expose())
}

#[test]
fn a_key_admits_its_bearer_until_it_is_revoked() {
    let (mut stored, shown) = key(&[Scope::Read], 1);
    let presented = Presented::parse(&bearer(&shown)).unwrap();
    assert_eq!(presented.id, stored.id);
    assert!(stored.admits(&presented.secret));
    stored.revoked_at = Some(NOW);
    assert!(!stored.admits(&presented.secret));
}

#[test]
fn another_secret_is_not_admitted() {
    let (stored, _) = key(&[Scope::Read], 1);
    let (_, other) = key(&[Scope::Read], 2);
    let presented = Presented::parse(&bearer(&other)).unwrap();
    assert!(!stored.admits(&presented.secret));
    assert!(!stored.admits(&Secret::new("")));
}

#[test]
fn what_is_stored_of_a_key_does_not_hold_its_secret() {
    let (stored, shown) = key(&[Scope::Read], 7);
    let presented = Presented::parse(&bearer(&shown)).unwrap();
    let stored = serde_json::to_string(&stored).unwrap();
    assert!(!stored.contains(presented.secret.expose()), "{stored}");
}

#[test]
fn what_is_no_key_is_not_read_as_one() {
    let (_, shown) = key(&[], 1);
    let good = shown.expose();
    for header in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        format!("Basic {good}"),
        good.to_owned(),
        format!("Bearer {good}0"),
        format!("Bearer {}", good.to_uppercase()),
        format!("Bearer {}", good.replace('_', "-")),
        "Bearer nk__".to_owned(),
        format!("Bearer nk_{}_{}", "é".repeat(8), "0".repeat(64)),
    ] {
        assert_eq!(Presented::parse(&header), None, "{header:?}");
    }
    assert!(Presented::parse(&format!(" bearer  {good} ")).is_some());
}

#[test]
fn each_scope_opens_its_own_addresses_and_admin_all() {
    for (method, path, scope) in [
        ("GET", "/v1/health", None),
        ("GET", "/v1/jobs", Some(Scope::Read)),
        ("GET", "/v1/jobs/job_1", Some(Scope::Read)),
        ("POST", "/v1/jobs", Some(Scope::Submit)),
        ("POST", "/v1/jobs/job_1/cancel", Some(Scope::Submit)),
        ("DELETE", "/v1/jobs/job_1", Some(Scope::Submit)),
        ("POST", "/job/submit/", Some(Scope::Submit)),
        ("POST", "/v1/uploads", Some(Scope::Submit)),
        ("GET", "/v1/uploads/upload_1/parts", Some(Scope::Submit)),
        ("POST", "/v1/uploads/upload_1/complete", Some(Scope::Submit)),
        ("POST", "/v1/estimates", Some(Scope::Read)),
        ("GET", "/v1/fleet", Some(Scope::Admin)),
        ("POST", "/v1/fleet/pause", Some(Scope::Admin)),
        ("GET", "/v1/jobsx", Some(Scope::Admin)),
        ("GET", "/anything/new", Some(Scope::Admin)),
    ] {
        assert_eq!(needed(method, path), scope, "{method} {path}");
    }
    let caller = |scope| Caller::Key(Box::new(key(&[scope], 1).0));
    for asked in Scope::ALL {
        assert!(Caller::Operator.may(asked));
        assert!(caller(Scope::Admin).may(asked));
        assert_eq!(caller(Scope::Submit).may(asked), asked == Scope::Submit);
        assert_eq!(caller(Scope::Read).may(asked), asked == Scope::Read);
    }
}

#[test]
fn a_key_sees_its_own_jobs_and_an_admin_all() {
    let (own, _) = key(&[Scope::Read], 1);
    let (admin, _) = key(&[Scope::Admin], 2);
    let spec = spec("s3://inn/a.mov", "s3://out/a.mp4");
    let id = JobId::from_uuid(Uuid::from_u128(1));
    let mut job = Job::new(id, spec, SealedSecrets::default(), NOW);
    let (own, admin) = (Caller::Key(Box::new(own)), Caller::Key(Box::new(admin)));
    assert!(!own.sees(&job), "a job of the operator");
    job.owner = own.owner().cloned();
    assert!(own.sees(&job) && admin.sees(&job) && Caller::Operator.sees(&job));
    job.owner = admin.owner().cloned();
    assert!(!own.sees(&job) && admin.sees(&job));
    let filter = own.narrowed(JobFilter::default());
    assert_eq!(filter.owner.as_ref(), own.owner());
    assert_eq!(admin.narrowed(JobFilter::default()).owner, None);
}

#[test]
fn a_limited_key_reads_and_writes_under_its_prefixes_only() {
    let grant = Grant {
        sources: vec!["s3://inn/customer-1".to_owned()],
        destinations: vec!["s3://out/customer-1/".to_owned(), "s3://cdn/".to_owned()],
        ..Grant::default()
    };
    let (key, _) = ApiKey::new(grant, &[3; 40], NOW);
    let caller = Caller::Key(Box::new(key));
    for (source, destination, refused) in [
        (
            "s3://inn/customer-1/a.mov",
            "s3://out/customer-1/a.mp4",
            None,
        ),
        ("s3://inn/customer-1/a.mov", "s3://cdn/a.mp4", None),
        (
            "s3://inn/customer-10/a.mov",
            "s3://cdn/a.mp4",
            Some("/source_path"),
        ),
        ("s3://inn/a.mov", "s3://cdn/a.mp4", Some("/source_path")),
        (
            "https://in.example/customer-1/a.mov",
            "s3://cdn/a.mp4",
            Some("/source_path"),
        ),
        (
            "s3://inn/customer-1/a.mov",
            "s3://out/a.mp4",
            Some("/dest_path"),
        ),
        (
            "s3://inn/customer-1/a.mov",
            "s3://cdn-2/a.mp4",
            Some("/dest_path"),
        ),
    ] {
        let found = caller.check_addresses(&spec(source, destination), None);
        let found = found.err().map(|error| error.pointer);
        assert_eq!(found.as_deref(), refused, "{source} {destination}");
    }
    let anything = spec("https://x.example/a.mov", "s3://why/a.mp4");
    assert!(Caller::Operator.check_addresses(&anything, None).is_ok());
}

#[test]
fn uploads_are_for_whoever_brought_them_and_written_by_no_job() {
    const ROOT: &str = "s3://media/uploads/";
    let key = |seed, grant| {
        let (key, _) = ApiKey::new(grant, &[seed; 40], NOW);
        Caller::Key(Box::new(key))
    };
    let limited = Grant {
        sources: vec!["s3://inn/".to_owned()],
        ..Grant::default()
    };
    let (own, free) = (key(3, limited), key(4, Grant::default()));
    let admin = Grant {
        scopes: [Scope::Admin].into(),
        ..Grant::default()
    };
    let admin = key(5, admin);
    let upload = format!("{ROOT}{}/upload_1/a.mov", own.owner().unwrap());
    let operators = format!("{ROOT}operator/upload_1/a.mov");
    let check = |caller: &Caller, source: &str, destination: &str| {
        let found = caller.check_addresses(&spec(source, destination), Some(ROOT));
        found.map_err(|error| error.pointer)
    };
    let out = "s3://out/a.mp4";
    for (caller, source, taken) in [
        (&own, &upload, true),
        (&free, &upload, false),
        (&own, &operators, false),
        (&admin, &upload, true),
        (&Caller::Operator, &upload, true),
    ] {
        let expected = if taken {
            Ok(())
        } else {
            Err("/source_path".to_owned())
        };
        assert_eq!(check(caller, source, out), expected);
    }
    assert_eq!(
        check(&free, "s3://inn/a.mov", &upload),
        Err("/dest_path".to_owned())
    );
}

#[test]
fn an_allowance_is_used_up_and_comes_back_with_the_next_minute() {
    let mut allowance = Allowance::default();
    let at = |second| Timestamp::from_second(second).unwrap();
    assert_eq!(allowance.take(2, at(120)), Ok(()));
    assert_eq!(allowance.take(2, at(150)), Ok(()));
    assert_eq!(allowance.take(2, at(150)), Err(30));
    assert_eq!(allowance.take(2, at(179)), Err(1));
    assert_eq!(allowance.take(2, at(180)), Ok(()));
    assert_eq!(Allowance::default().take(0, at(0)), Err(60));
}
