//! Who may do what: no right is wider than its use.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{resources, template};

/// The statements that name all resources, by their `Sid`; the template says why beside each.
const UNBOUNDED: [&str; 2] = ["Look", "AccountDecides"];

/// Every statement that allows something, with the resource that holds it.
fn allowed() -> Vec<(&'static str, &'static Value)> {
    let statements = |document: &'static Value| document["Statement"].as_array().unwrap();
    let roles = resources("AWS::IAM::Role")
        .into_iter()
        .flat_map(|(name, role)| {
            let policies = role["Properties"]["Policies"].as_array().unwrap();
            policies
                .iter()
                .flat_map(move |policy| statements(&policy["PolicyDocument"]))
                .map(move |statement| (name, statement))
        });
    let documents = [
        ("AWS::IAM::Policy", "PolicyDocument"),
        ("AWS::S3::BucketPolicy", "PolicyDocument"),
        ("AWS::SQS::QueuePolicy", "PolicyDocument"),
        ("AWS::KMS::Key", "KeyPolicy"),
    ];
    let others = documents.into_iter().flat_map(|(kind, key)| {
        resources(kind)
            .into_iter()
            .flat_map(move |(name, resource)| {
                statements(&resource["Properties"][key])
                    .iter()
                    .map(move |statement| (name, statement))
            })
    });
    roles
        .chain(others)
        .filter(|(_, statement)| statement["Effect"] == "Allow")
        .collect()
}

/// One or many, as IAM lets either be written.
fn items(value: &Value) -> Vec<&Value> {
    value
        .as_array()
        .map_or_else(|| vec![value], |many| many.iter().collect())
}

fn actions<'a>(statement: &'a Value) -> Vec<&'a str> {
    items(&statement["Action"])
        .into_iter()
        .map(|action: &'a Value| action.as_str().unwrap())
        .collect()
}

fn actions_of(role: &str) -> BTreeSet<&'static str> {
    allowed()
        .into_iter()
        .filter(|(name, _)| *name == role)
        .flat_map(|(_, statement)| actions(statement))
        .collect()
}

#[test]
fn no_statement_allows_actions_by_a_pattern() {
    let allowed = allowed();
    assert!(
        allowed.len() > 25,
        "only {} statements found",
        allowed.len()
    );
    for (name, statement) in allowed {
        for action in actions(statement) {
            assert!(!action.contains('*'), "{name} allows {action}");
        }
    }
}

#[test]
fn no_statement_names_all_resources_where_aws_has_narrower_ones() {
    for (name, statement) in allowed() {
        if items(&statement["Resource"]).contains(&&Value::from("*")) {
            let sid = statement["Sid"].as_str().unwrap();
            assert!(
                UNBOUNDED.contains(&sid),
                "{name}: {sid} names all resources"
            );
            let only_looks = actions(statement)
                .iter()
                .all(|action| action.starts_with("ec2:Describe"));
            assert!(
                only_looks || name == "Key",
                "{name}: {sid} does more than look"
            );
        }
    }
}

#[test]
fn every_function_has_a_role_of_its_own() {
    let functions = resources("AWS::Serverless::Function");
    let roles: BTreeSet<_> = functions
        .iter()
        .map(|(_, function)| {
            let role = &function["Properties"]["Role"]["Fn::GetAtt"][0];
            role.as_str().unwrap()
        })
        .collect();
    let expected = ["PruneRole", "ScaleRole", "StateChangeRole", "SubmitRole"];
    assert_eq!(roles, BTreeSet::from(expected));
    assert_eq!(functions.len(), expected.len());
    for role in expected {
        let trust = &template()["Resources"][role]["Properties"]["AssumeRolePolicyDocument"];
        let service = &trust["Statement"][0]["Principal"]["Service"];
        assert_eq!(service, "lambda.amazonaws.com", "{role}");
    }
}

#[test]
fn encoders_may_touch_neither_instances_nor_rights() {
    for role in ["EncoderRole", "EncoderMediaBuckets", "EncoderObjectAcls"] {
        for action in actions_of(role) {
            let service = action.split(':').next().unwrap();
            assert!(
                ["dynamodb", "kms", "s3", "sqs"].contains(&service),
                "{action}"
            );
        }
    }
    assert!(!actions_of("EncoderRole").contains("s3:PutObjectAcl"));
    assert!(!actions_of("EncoderRole").contains("kms:Encrypt"));
}

#[test]
fn submit_writes_uploads_and_deletes_outputs_in_the_stacks_bucket_alone() {
    let of_submit = allowed()
        .into_iter()
        .filter(|(name, _)| *name == "SubmitRole");
    let in_s3 = of_submit.filter(|(_, statement)| {
        let actions = actions(statement);
        actions.iter().any(|action| action.starts_with("s3:"))
    });
    let in_s3: Vec<_> = in_s3.map(|(_, statement)| statement).collect();
    let [uploads, outputs, gone] = in_s3.as_slice() else {
        panic!("{in_s3:?}");
    };
    assert_eq!(actions(uploads), ["s3:PutObject"]);
    assert_eq!(
        uploads["Resource"]["Fn::Sub"],
        "${MediaBucket.Arn}/uploads/*"
    );
    assert_eq!(actions(outputs), ["s3:DeleteObject", "s3:GetObject"]);
    assert_eq!(outputs["Resource"]["Fn::Sub"], "${MediaBucket.Arn}/*");
    assert_eq!(actions(gone), ["s3:ListBucket"]);
    assert_eq!(gone["Resource"], media_bucket());
}

/// The stack's bucket for media, as statements name it.
fn media_bucket() -> Value {
    serde_json::json!({"Fn::GetAtt": ["MediaBucket", "Arn"]})
}

#[test]
fn only_scale_launches_and_only_prune_ends_instances() {
    let who_may = |action: &str| -> BTreeSet<&str> {
        allowed()
            .into_iter()
            .filter(|(_, statement)| actions(statement).contains(&action))
            .map(|(name, _)| name)
            .collect()
    };
    for action in ["ec2:CreateFleet", "ec2:RunInstances", "iam:PassRole"] {
        assert_eq!(who_may(action), BTreeSet::from(["ScaleRole"]), "{action}");
    }
    let ends = "ec2:TerminateInstances";
    assert_eq!(who_may(ends), BTreeSet::from(["PruneRole"]));
    for (_, statement) in allowed() {
        let condition = &statement["Condition"];
        if actions(statement).contains(&ends) {
            let tag = &condition["StringEquals"]["aws:ResourceTag/nommer:stack"];
            assert_eq!(tag["Ref"], "AWS::StackName");
        }
        if actions(statement).contains(&"ec2:RunInstances") {
            assert!(condition["ArnEquals"]["ec2:LaunchTemplate"].is_object());
        }
    }
}

#[test]
fn buckets_and_queues_refuse_what_is_not_encrypted_on_its_way() {
    for (kind, key, count) in [
        ("AWS::S3::BucketPolicy", "aws:SecureTransport", 2),
        ("AWS::SQS::QueuePolicy", "aws:SecureTransport", 3),
    ] {
        let policies = resources(kind);
        assert_eq!(policies.len(), count, "{kind}");
        for (name, policy) in policies {
            let statement = &policy["Properties"]["PolicyDocument"]["Statement"][0];
            assert_eq!(statement["Effect"], "Deny", "{name}");
            assert_eq!(statement["Condition"]["Bool"][key], "false", "{name}");
        }
    }
}

/// The contexts that a role may open: by them encoders reach no signing secret, and state-change no credentials of media.
fn opened_by(role: &str) -> BTreeSet<&'static str> {
    let decrypts = allowed().into_iter();
    let mut decrypts = decrypts
        .filter(|(name, statement)| *name == role && actions(statement).contains(&"kms:Decrypt"));
    let (_, statement) = decrypts.next().unwrap();
    assert!(decrypts.next().is_none());
    let like = &statement["Condition"]["StringLike"]["kms:EncryptionContext:nommer:context"];
    items(like)
        .into_iter()
        .map(|one: &'static Value| one.as_str().unwrap())
        .collect()
}

#[test]
fn what_submit_seals_is_opened_by_those_alone_who_need_it() {
    use nommer_core::{
        id::{EndpointId, JobId},
        sealed::SealedField,
        webhook::EndpointField,
    };
    assert!(!actions_of("SubmitRole").contains("kms:Decrypt"));
    let (job, endpoint): (JobId, EndpointId) = ("job_1".parse().unwrap(), "we_1".parse().unwrap());
    let of_job = |field: SealedField| field.context(&job);
    let of_endpoint = |field: EndpointField| field.context(&endpoint);
    for (role, contexts) in [
        (
            "EncoderRole",
            vec![
                of_job(SealedField::Source),
                of_job(SealedField::Destination),
            ],
        ),
        (
            "StateChangeRole",
            vec![
                of_job(SealedField::Notify),
                of_endpoint(EndpointField::Url),
                of_endpoint(EndpointField::Secret),
                "signing-secret".to_owned(),
            ],
        ),
    ] {
        let patterns: BTreeSet<_> = contexts
            .iter()
            .map(|context| {
                context
                    .rsplit_once('/')
                    .map_or(context.clone(), |(_, field)| format!("*/{field}"))
            })
            .collect();
        let opened: BTreeSet<_> = opened_by(role).into_iter().map(str::to_owned).collect();
        assert_eq!(opened, patterns, "{role}");
    }
}
