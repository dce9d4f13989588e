//! The grammar of media addresses.
//!
//! `s3://[ID:SECRET@]BUCKET/KEY`: there are credentials if a colon comes before any slash, since no bucket's name holds one; so secrets
//! may hold `/`, `+`, `=` and `:`, and keys may hold `@`. The secret ends at the last `@` before the slash that follows the first one: a
//! bucket's name holds no `@` either. AWS secrets hold no `%`, so `%2F` in one is read as `/`, and `%40` says `@` beyond doubt. The
//! original split at the first `@` wherever it stood and so misread `s3://bucket/a@b.mp4`.
//!
//! `http(s)://…`: as the URL standard says, without user information. The query may sign the request, so it is secret.
//!
//! `file:///path`: the path is taken as it stands, without percent-decoding, as the original did.
//!
//! Refusals never repeat what they refuse, save a file's path and a web host: where an address is mistyped, any piece of it may be a secret.

use std::path::{Component, Path};

use percent_encoding::percent_decode_str;
use url::Url;

use super::{MAX_BYTES, MediaUri, Part, Place, STARS, UriError, UriRules};
use crate::{address::vet_url, secret::Secret};

/// Longest key of an object in S3, in bytes.
const MAX_KEY_BYTES: usize = 1_024;

/// Lengths that a bucket's name may have.
const BUCKET_BYTES: std::ops::RangeInclusive<usize> = 3..=63;

fn malformed<T>(message: impl Into<String>) -> Result<T, UriError> {
    Err(UriError::Malformed(message.into()))
}

/// Reads an address from outside.
pub(super) fn parse(text: &str, rules: &UriRules) -> Result<MediaUri, UriError> {
    let (scheme, rest) = split_scheme(text)?;
    match scheme.as_str() {
        "s3" => parse_s3(rest),
        "http" | "https" => {
            let uri = parse_http(text)?;
            if let Place::Http(url) = &uri.place {
                vet_url(url, &rules.network)?;
            }
            Ok(uri)
        }
        "file" => parse_file(rest, rules),
        _ => malformed("its scheme is unknown: use s3, https, http or file"),
    }
}

/// The scheme in lower case and what follows it, of text that may be an address at all.
fn split_scheme(text: &str) -> Result<(String, &str), UriError> {
    if text.len() > MAX_BYTES {
        return malformed(format!("it is longer than {MAX_BYTES} bytes"));
    }
    if text.chars().any(char::is_control) {
        return malformed("it holds control characters");
    }
    match text.split_once("://") {
        Some((scheme, rest)) => Ok((scheme.to_ascii_lowercase(), rest)),
        None => {
            malformed("it is no address: write s3://bucket/key, https://host/path or file:///path")
        }
    }
}

/// Reads an address of ours.
pub(super) fn parse_stored(text: &str) -> Result<MediaUri, UriError> {
    let hidden = |place| MediaUri {
        place,
        secret: Part::Hidden,
    };
    if let Some(rest) = text.strip_prefix("s3://***@") {
        return parse_s3(rest).map(|uri| hidden(uri.place));
    }
    if let Some(rest) = text.strip_prefix("file://") {
        let place = Place::File(rest.to_owned());
        return Ok(MediaUri {
            place,
            secret: Part::None,
        });
    }
    if let Some(rest) = text.strip_prefix("s3://") {
        return parse_s3(rest);
    }
    match text.strip_suffix("?***") {
        Some(url) => parse_http(url).map(|uri| hidden(uri.place)),
        None => parse_http(text),
    }
}

fn parse_s3(rest: &str) -> Result<MediaUri, UriError> {
    let (secret, place) = split_credentials(rest)?;
    let (bucket, key) = place.split_once('/').unwrap_or((place, ""));
    check_bucket(bucket)?;
    if key.is_empty() {
        return malformed("it names no object: write s3://bucket/key");
    }
    if key.len() > MAX_KEY_BYTES {
        return malformed(format!("its key is longer than {MAX_KEY_BYTES} bytes"));
    }
    // Such a key is legal, and is there to leave the prefix that somebody was given.
    let decoded = percent_decode_str(key).decode_utf8_lossy();
    if decoded.split('/').any(|part| part == "..") {
        return malformed("its key holds `..`: write the key out");
    }
    let place = Place::S3 {
        bucket: bucket.to_owned(),
        key: key.to_owned(),
    };
    Ok(MediaUri { place, secret })
}

/// The credentials, if there are any, and what follows them.
fn split_credentials(rest: &str) -> Result<(Part, &str), UriError> {
    let head = rest.split('/').next().unwrap_or_default();
    if !head.contains([':', '@']) {
        return Ok((Part::None, rest));
    }
    if head.split('@').next() == Some(STARS) {
        return malformed(
            "its credentials were replaced by stars: write them out, or leave them away to use the role",
        );
    }
    match read_credentials(rest) {
        Some((secret, place)) => Ok((Part::Here(secret), place)),
        None => malformed(
            "a `:` or `@` before the first slash, but no credentials: write s3://ID:SECRET@bucket/key or s3://bucket/key",
        ),
    }
}

/// `ID:SECRET` before an `@`, and what follows it.
fn read_credentials(rest: &str) -> Option<(Secret, &str)> {
    let (id, after) = rest.split_once(':')?;
    let first = after.find('@')?;
    let slash = after[first..]
        .find('/')
        .map_or(after.len(), |at| first + at);
    let (secret, _) = after[..slash].rsplit_once('@')?;
    let place = &after[secret.len() + 1..];
    let secret = percent_decode_str(secret).decode_utf8().ok()?;
    let plain = |letter: char| letter.is_ascii_graphic() && letter != '@';
    let sound = !id.is_empty()
        && id.chars().all(plain)
        && !secret.is_empty()
        && !secret.chars().any(char::is_control);
    sound.then(|| (Secret::new(format!("{id}:{secret}")), place))
}

/// The rules for names of general purpose buckets in the S3 user guide.
fn check_bucket(bucket: &str) -> Result<(), UriError> {
    let inner = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'.'
    };
    let outer = |byte: Option<u8>| {
        byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let bytes = bucket.bytes();
    let legal = BUCKET_BYTES.contains(&bucket.len())
        && bytes.clone().all(inner)
        && outer(bytes.clone().next())
        && outer(bytes.last())
        && !bucket.contains("..")
        && bucket.parse::<std::net::Ipv4Addr>().is_err();
    if legal {
        return Ok(());
    }
    malformed(
        "what stands for its bucket cannot be one: names have 3 to 63 lower-case letters, digits, dots and hyphens; write `@` in a secret as %40",
    )
}

/// A web address, its query taken for secret.
pub(super) fn parse_http(text: &str) -> Result<MediaUri, UriError> {
    let (scheme, rest) = split_scheme(text)?;
    if !matches!(scheme.as_str(), "http" | "https") {
        return malformed("it must begin with https:// or http://");
    }
    if text.contains(|letter: char| letter == '\\' || letter.is_whitespace()) {
        return malformed("it holds a blank or a backslash: write %20 or %5C");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    // The URL standard skips extra slashes; a reader may not.
    if authority.is_empty() {
        return malformed("it names no host");
    }
    if authority.contains('@') {
        return malformed("it holds a user name or password: use a signed URL instead");
    }
    let mut url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => return malformed(format!("it is not a URL: {error}")),
    };
    url.set_fragment(None);
    // Escapes make it longer, and what was let in must be let in again when it is read back.
    if url.as_str().len() > MAX_BYTES {
        return malformed(format!(
            "it is longer than {MAX_BYTES} bytes with its escapes"
        ));
    }
    if url.query() == Some(STARS) {
        return malformed("its query was replaced by stars: write it out");
    }
    let secret = url
        .query()
        .map_or(Part::None, |query| Part::Here(Secret::new(query)));
    url.set_query(None);
    Ok(MediaUri {
        place: Place::Http(url),
        secret,
    })
}

fn parse_file(rest: &str, rules: &UriRules) -> Result<MediaUri, UriError> {
    let Some(folders) = &rules.folders else {
        return malformed("file:// is served in local mode only: use s3:// or https://");
    };
    let path = rest
        .strip_prefix("localhost")
        .filter(|path| path.starts_with('/'))
        .unwrap_or(rest);
    if !path.starts_with('/') {
        return malformed("a file address has three slashes and a whole path: file:///folder/name");
    }
    let parts = Path::new(path).components();
    if parts.clone().any(|part| part == Component::ParentDir)
        || path.split('/').any(|part| part == ".")
    {
        return malformed("it holds `.` or `..`: write the path out");
    }
    if !rules.serves(Path::new(path)) {
        let folders = folders
            .iter()
            .map(|folder| folder.display().to_string())
            .collect::<Vec<_>>()
            .join(", ");
        return Err(UriError::Outside {
            path: path.to_owned(),
            folders,
        });
    }
    // `//` and a slash more name the same file; one spelling each, but for the slash at the end of a folder.
    let mut plain = parts.collect::<std::path::PathBuf>().display().to_string();
    if path.ends_with('/') {
        plain.push('/');
    }
    Ok(MediaUri {
        place: Place::File(plain),
        secret: Part::None,
    })
}
