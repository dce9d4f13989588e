//! AWS's signature, version 4, as S3 checks it: written down from its documentation and used by no code of ours.

use std::{collections::BTreeMap, fmt::Write as _};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// The SHA-256 of nothing, in hexadecimal: what a request without a body is signed with.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Checks a GET without a query. Header names are lower case.
///
/// # Errors
/// What is wrong with the request.
pub(super) fn check(
    path: &str,
    headers: &BTreeMap<String, String>,
    key_id: &str,
    secret: &str,
) -> Result<(), String> {
    let header = |name: &str| headers.get(name).ok_or_else(|| format!("no {name}"));
    let authorization = header("authorization")?;
    let fields: BTreeMap<_, _> = authorization
        .strip_prefix("AWS4-HMAC-SHA256 ")
        .ok_or_else(|| format!("unknown scheme: {authorization}"))?
        .split(',')
        .filter_map(|field| field.trim().split_once('='))
        .collect();
    let (credential, signed, signature) = match (
        fields.get("Credential"),
        fields.get("SignedHeaders"),
        fields.get("Signature"),
    ) {
        (Some(credential), Some(signed), Some(signature)) => (*credential, *signed, *signature),
        _ => return Err(format!("fields are missing: {authorization}")),
    };
    let time = header("x-amz-date")?;
    let day = time.split('T').next().unwrap_or_default();
    let scope = format!("{day}/eu-central-1/s3/aws4_request");
    if credential != format!("{key_id}/{scope}") {
        return Err(format!("wrong credential: {credential}"));
    }
    // S3 refuses a request whose `x-amz-` headers or host are not part of what is signed.
    let names: Vec<_> = signed.split(';').collect();
    let must = |name: &&String| name.starts_with("x-amz-") || *name == "host";
    if let Some(name) = headers
        .keys()
        .filter(must)
        .find(|name| !names.contains(&name.as_str()))
    {
        return Err(format!("{name} is not signed: {signed}"));
    }
    if header("x-amz-content-sha256")? != EMPTY {
        return Err("the checksum is not that of an empty body".to_owned());
    }
    let mut canonical = format!("GET\n{path}\n\n");
    for name in names {
        writeln!(canonical, "{name}:{}", header(name)?.trim()).expect("a string takes every write");
    }
    write!(canonical, "\n{signed}\n{EMPTY}").expect("a string takes every write");
    let digest = hex(&Sha256::digest(canonical.as_bytes()));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}");
    let key = [day, "eu-central-1", "s3", "aws4_request"]
        .iter()
        .fold(format!("AWS4{secret}").into_bytes(), |key, part| {
            mac(&key, part)
        });
    if hex(&mac(&key, &text)) == signature {
        Ok(())
    } else {
        Err(format!("wrong signature of {canonical:?}"))
    }
}

/// A checksum in lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes every write");
        text
    })
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
