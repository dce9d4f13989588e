//! AWS's signature, version 4, as services check it: written down from its documentation and used by no code of ours.

use std::{collections::BTreeMap, fmt::Write as _};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

/// Whose requests are right, and for what.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) key_id: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) region: &'static str,
    pub(crate) service: &'static str,
}

impl Scope {
    /// What requests of a day are signed with.
    fn key(&self, day: &str) -> Vec<u8> {
        let secret = format!("AWS4{}", self.secret).into_bytes();
        let parts = [day, self.region, self.service, "aws4_request"];
        parts.iter().fold(secret, |key, part| mac(&key, part))
    }
}

/// One request as it came. Names of headers are lower case.
#[derive(Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) method: &'a str,
    /// With no character that needs an escape.
    pub(crate) path: &'a str,
    /// As it stands in the address.
    pub(crate) query: &'a str,
    pub(crate) headers: &'a BTreeMap<String, String>,
    pub(crate) body: &'a [u8],
}

/// Checks a request.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn check(sent: &Sent<'_>, right: &Scope) -> Result<(), String> {
    let headers = sent.headers;
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
    let scope = format!("{day}/{}/{}/aws4_request", right.region, right.service);
    if credential != format!("{}/{scope}", right.key_id) {
        return Err(format!("wrong credential: {credential}"));
    }
    // AWS refuses a request whose `x-amz-` headers or host are not part of what is signed.
    let names: Vec<_> = signed.split(';').collect();
    let must = |name: &&String| name.starts_with("x-amz-") || *name == "host";
    if let Some(name) = headers
        .keys()
        .filter(must)
        .find(|name| !names.contains(&name.as_str()))
    {
        return Err(format!("{name} is not signed: {signed}"));
    }
    let checksum = hex(&Sha256::digest(sent.body));
    let told = headers.get("x-amz-content-sha256");
    if told.is_some_and(|told| *told != checksum) {
        return Err("the checksum is not that of the body".to_owned());
    }
    let mut parameters: Vec<_> = sent
        .query
        .split('&')
        .filter(|one| !one.is_empty())
        .collect();
    parameters.sort_unstable();
    let query = parameters.join("&");
    let mut canonical = format!("{}\n{}\n{query}\n", sent.method, sent.path);
    for name in names {
        writeln!(canonical, "{name}:{}", header(name)?.trim()).expect("a string takes every write");
    }
    write!(canonical, "\n{signed}\n{checksum}").expect("a string takes every write");
    let digest = hex(&Sha256::digest(canonical.as_bytes()));
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{digest}");
    if hex(&mac(&right.key(day), &text)) == signature {
        Ok(())
    } else {
        Err(format!("wrong signature of {canonical:?}"))
    }
}

/// A checksum in lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
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
