//! `storage` of a request: what S3 is told of the outputs.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    super::{SpecError, fields::Fields},
    TEXT_BYTES,
};
use crate::{output::Words, ports::ObjectAttributes};

/// Most bytes of user metadata: S3 takes 2 KB, of which some are ours.
const METADATA_BYTES: usize = 1_800;

/// S3's canned ACLs. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl>
const ACLS: &Words<&str> = &[
    ("private", "private"),
    ("public-read", "public-read"),
    ("authenticated-read", "authenticated-read"),
    ("aws-exec-read", "aws-exec-read"),
    ("bucket-owner-read", "bucket-owner-read"),
    ("bucket-owner-full-control", "bucket-owner-full-control"),
];

/// S3's storage classes. <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>
const CLASSES: &Words<&str> = &[
    ("STANDARD", "STANDARD"),
    ("STANDARD_IA", "STANDARD_IA"),
    ("ONEZONE_IA", "ONEZONE_IA"),
    ("INTELLIGENT_TIERING", "INTELLIGENT_TIERING"),
    ("GLACIER", "GLACIER"),
    ("GLACIER_IR", "GLACIER_IR"),
    ("DEEP_ARCHIVE", "DEEP_ARCHIVE"),
    ("REDUCED_REDUNDANCY", "REDUCED_REDUNDANCY"),
    ("EXPRESS_ONEZONE", "EXPRESS_ONEZONE"),
];

/// Reads it.
pub(super) fn attributes(value: &Value) -> Result<ObjectAttributes, SpecError> {
    let known = ["acl", "storage_class", "cache_control", "metadata"];
    let fields = Fields::new(value, "/storage".to_owned(), &known)?;
    let cache_control = fields.text("cache_control")?;
    if cache_control.is_some_and(|text| !header_text(text)) {
        let form = format!("must be 1 to {TEXT_BYTES} visible ASCII characters");
        return Err(fields.refuse("cache_control", form));
    }
    let owned = |text: &str| text.to_owned();
    Ok(ObjectAttributes {
        acl: fields.word("acl", ACLS)?.map(owned),
        storage_class: fields.word("storage_class", CLASSES)?.map(owned),
        cache_control: cache_control.map(owned),
        metadata: object_metadata(&fields)?,
    })
}

fn header_text(text: &str) -> bool {
    let visible = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    (1..=TEXT_BYTES).contains(&text.len()) && text.trim() == text && text.bytes().all(visible)
}

fn object_metadata(fields: &Fields<'_>) -> Result<BTreeMap<String, String>, SpecError> {
    let form = format!(
        "must be an object of names of a-z, 0-9 and - with texts of visible ASCII, {METADATA_BYTES} bytes together; names that begin with nommer- are ours"
    );
    let Some(value) = fields.get("metadata") else {
        return Ok(BTreeMap::new());
    };
    let refuse = || fields.refuse("metadata", &form);
    let entries = value.as_object().ok_or_else(refuse)?;
    let name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let mut read = BTreeMap::new();
    let mut bytes = 0;
    for (key, value) in entries {
        let text = value.as_str().filter(|text| header_text(text));
        let text = text.ok_or_else(refuse)?;
        bytes += key.len() + text.len();
        let ours = key.starts_with("nommer-");
        if key.is_empty() || !key.bytes().all(name) || ours || bytes > METADATA_BYTES {
            return Err(refuse());
        }
        read.insert(key.clone(), text.to_owned());
    }
    Ok(read)
}
