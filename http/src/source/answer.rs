//! What a server's answer says: where to go on, what is wrong, which bytes these are.

use nommer_core::ports::{MediaError, ObjectFacts};
use reqwest::{Response, StatusCode, header};
use url::Url;

use crate::guard;

/// Where a redirect leads. Never from https to http: that would show the request to everybody on the way.
pub(super) fn next_hop(from: &Url, response: &Response) -> Result<Url, String> {
    let location = response
        .headers()
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok());
    let next = location
        .and_then(|location| from.join(location).ok())
        .ok_or("a redirect without an address")?;
    if from.scheme() == "https" && next.scheme() != "https" {
        return Err("a redirect from https to http".to_owned());
    }
    Ok(next)
}

pub(super) fn check(response: Response, name: &str) -> Result<Response, MediaError> {
    let name = name.to_owned();
    match response.status() {
        status if status.is_success() => Ok(response),
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(MediaError::NotFound(name)),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(MediaError::Forbidden(name)),
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
            Err(MediaError::Unavailable {
                what: format!("fetch {name}"),
                detail: format!("the server answered {status}"),
            })
        }
        status => Err(MediaError::Unusable(format!(
            "{name}: the server answered {status}"
        ))),
    }
}

/// Where the range begins that was sent, and how long the whole is (RFC 9110, 14.4); none if it is no range.
pub(super) fn sent_range(response: &Response) -> Option<(u64, u64)> {
    if response.status() != StatusCode::PARTIAL_CONTENT {
        return None;
    }
    let stated = response
        .headers()
        .get(header::CONTENT_RANGE)?
        .to_str()
        .ok()?;
    let (range, total) = stated.strip_prefix("bytes ")?.split_once('/')?;
    let (from, _last) = range.split_once('-')?;
    Some((from.parse().ok()?, total.parse().ok()?))
}

pub(super) fn facts(response: &Response) -> ObjectFacts {
    let etag = response
        .headers()
        .get(header::ETAG)
        .and_then(|value| value.to_str().ok());
    ObjectFacts {
        bytes: response.content_length(),
        // A weak tag does not promise the same bytes (RFC 9110, 8.8.1).
        etag: etag
            .filter(|etag| !etag.starts_with("W/"))
            .map(str::to_owned),
    }
}

pub(super) fn unavailable(name: &str, error: reqwest::Error) -> MediaError {
    MediaError::Unavailable {
        what: format!("fetch {name}"),
        detail: guard::explain(error),
    }
}
