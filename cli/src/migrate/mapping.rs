//! What has become of each setting of the original. Names and defaults are those of its `conf/settings.py`.

use serde_json::{Value as Json, json};

use super::python::Value;

/// One setting of the original.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mapping {
    pub(super) name: &'static str,
    pub(super) target: Target,
    pub(super) note: &'static str,
}

/// What has become of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// It is a setting under another name.
    Key {
        table: &'static str,
        key: &'static str,
        convert: fn(&Value) -> Option<Json>,
    },
    /// It is a parameter or a resource of the AWS stack.
    Stack(&'static str),
    /// Nothing needs it any more.
    Gone,
    /// It is a secret.
    Secret,
}

const fn key(
    name: &'static str,
    table: &'static str,
    key: &'static str,
    convert: fn(&Value) -> Option<Json>,
    note: &'static str,
) -> Mapping {
    let target = Target::Key {
        table,
        key,
        convert,
    };
    Mapping { name, target, note }
}

const fn gone(name: &'static str, note: &'static str) -> Mapping {
    Mapping {
        name,
        target: Target::Gone,
        note,
    }
}

const fn stack(name: &'static str, parameter: &'static str, note: &'static str) -> Mapping {
    Mapping {
        name,
        target: Target::Stack(parameter),
        note,
    }
}

const fn secret(name: &'static str) -> Mapping {
    Mapping {
        name,
        target: Target::Secret,
        note: "roles are used now. Rotate this key: the original wrote it into its instances' user data",
    }
}

/// Every setting of the original.
pub(super) const MAPPINGS: [Mapping; 25] = [
    secret("AWS_ACCESS_KEY_ID"),
    secret("AWS_SECRET_ACCESS_KEY"),
    stack("EC2_KEY_NAME", "SshKeyName", "optional"),
    gone("CONFIG_S3_BUCKET", "no settings lie in a bucket"),
    stack("SQS_NEW_JOB_QUEUE_NAME", "job queue", "made by the stack"),
    stack(
        "SQS_JOB_STATE_CHANGE_QUEUE_NAME",
        "state-change queue",
        "made by the stack",
    ),
    stack(
        "SIMPLEDB_JOB_STATE_DOMAIN",
        "job table",
        "made by the stack",
    ),
    stack(
        "SIMPLEDB_EC2_NOMMER_STATE_DOMAIN",
        "job table",
        "made by the stack",
    ),
    stack(
        "EC2_SECURITY_GROUPS",
        "security group",
        "made by the stack, without inbound rules",
    ),
    stack(
        "EC2_AMI_ID",
        "EncoderImageId",
        "default: Debian's own image",
    ),
    stack("EC2_INSTANCE_TYPE", "InstanceTypes", "a list now"),
    key(
        "MAX_ENCODING_JOBS_PER_EC2_INSTANCE",
        "fleet",
        "jobs_per_instance",
        number,
        "the same",
    ),
    key(
        "MAX_NUM_EC2_INSTANCES",
        "fleet",
        "max",
        number,
        "counts all instances; the original could launch past it",
    ),
    key(
        "JOB_OVERFLOW_THRESH",
        "fleet",
        "overflow_threshold",
        number,
        "used by policy \"threshold\"",
    ),
    gone(
        "FEEDERD_JOB_STATE_CHANGE_CHECK_INTERVAL",
        "state changes are told at once",
    ),
    gone("FEEDERD_PRUNE_JOBS_INTERVAL", "prune runs by lease"),
    key(
        "FEEDERD_ALLOW_EC2_LAUNCHES",
        "fleet",
        "enabled",
        truth,
        "the same",
    ),
    key(
        "FEEDERD_ABANDON_INACTIVE_JOBS_THRESH",
        "jobs",
        "abandon_after",
        seconds,
        "the same",
    ),
    key(
        "FEEDERD_AUTO_SCALE_INTERVAL",
        "fleet",
        "scale_interval",
        seconds,
        "a new job wakes scale at once besides",
    ),
    key(
        "NOMMERD_TERMINATE_WHEN_IDLE",
        "fleet",
        "terminate_when_idle",
        truth,
        "the same",
    ),
    key(
        "NOMMERD_MAX_INACTIVITY",
        "fleet",
        "idle_timeout",
        seconds,
        "\"auto\" is usually cheaper",
    ),
    key(
        "NOMMERD_HEARTBEAT_INTERVAL",
        "encoder",
        "heartbeat",
        seconds,
        "renews the lease; encoder.lease must be three times as long",
    ),
    gone(
        "NOMMERD_NEW_JOB_CHECK_INTERVAL",
        "encoders hear of new jobs at once",
    ),
    gone(
        "NOMMERD_QTFASTSTART_BIN_PATH",
        "the encoder moves the moov atom itself",
    ),
    gone(
        "STORAGE_BACKENDS",
        "s3, http, https and file are built in; storage.require_https narrows",
    ),
];

fn number(value: &Value) -> Option<Json> {
    match value {
        Value::Number(number) => Some(json!(number)),
        Value::Text(_) | Value::Truth(_) | Value::Other => None,
    }
}

fn truth(value: &Value) -> Option<Json> {
    match value {
        Value::Truth(truth) => Some(json!(truth)),
        Value::Number(number) => Some(json!(*number != 0)),
        Value::Text(_) | Value::Other => None,
    }
}

fn seconds(value: &Value) -> Option<Json> {
    match value {
        Value::Number(seconds) => Some(json!(format!("{seconds}s"))),
        Value::Text(_) | Value::Truth(_) | Value::Other => None,
    }
}
