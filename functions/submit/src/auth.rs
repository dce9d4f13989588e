//! Who calls, and whether they may: API keys, their scopes and their rates. Runs before every route; what a job may be is checked later.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};
use jiff::Timestamp;
use nommer_core::{
    error::{Code, JobError},
    id::KeyId,
    key::{Allowance, ApiKey, Caller, Presented, needed},
    ports::{Backend, KeyStore as _, ScaleSignal},
};

use crate::{Submit, reply::Refusal};

/// Who may call without a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Nobody. Otherwise whoever reaches the routes is the operator, unless they bring a key.
    pub keys_required: bool,
    /// But on the original's route everybody may: its client has no key to send.
    pub anonymous_legacy: bool,
}

/// What each key with a limit has used of it.
#[derive(Debug, Default)]
pub struct Allowances(Mutex<HashMap<KeyId, Allowance>>);

impl Allowances {
    fn take(&self, key: &ApiKey, now: Timestamp) -> Result<(), Refusal> {
        let Some(most) = key.grant.requests_per_minute else {
            return Ok(());
        };
        let mut all = self.0.lock().expect("no holder panics");
        let left = all.entry(key.id.clone()).or_default();
        left.take(most, now).map_err(|seconds| {
            let message = format!("this API key may make {most} requests a minute");
            Refusal::new(Code::RateLimited, message).retry_after(seconds)
        })
    }
}

/// Finds out who calls, and refuses what they may not do.
pub(crate) async fn identify<B: Backend, W: ScaleSignal>(
    State(submit): State<Arc<Submit<B, W>>>,
    mut request: Request<Body>,
    next: Next,
) -> Result<Response, Refusal> {
    let path = request.uri().path();
    let Some(scope) = needed(request.method().as_str(), path) else {
        return Ok(next.run(request).await);
    };
    let legacy = path == "/job/submit" || path == "/job/submit/";
    let caller = match presented(request.headers())? {
        Some(presented) => Caller::Key(Box::new(admitted(&submit, &presented).await?)),
        None if legacy && submit.access.anonymous_legacy => Caller::Operator,
        None if submit.access.keys_required => {
            return Err(unauthorized("the request has no API key"));
        }
        None => Caller::Operator,
    };
    if !caller.may(scope) {
        let message = format!("this needs an API key with the scope {scope}");
        return Err(Refusal::new(Code::Forbidden, message));
    }
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// The key that a request brings. Other kinds of authorization are for those before us.
fn presented(headers: &HeaderMap) -> Result<Option<Presented>, Refusal> {
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or("Bearer");
    let scheme = text.split_whitespace().next().unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    let presented = Presented::parse(text);
    let refused = || unauthorized("the Authorization header holds no API key of ours");
    presented.ok_or_else(refused).map(Some)
}

/// The key, if it is in force, proven, and not used up.
async fn admitted<B: Backend, W>(
    submit: &Submit<B, W>,
    presented: &Presented,
) -> Result<ApiKey, Refusal> {
    let key = submit.backend.store().key(&presented.id).await?;
    // One answer for all, so that nobody learns which keys there are.
    let key = key
        .filter(|key| key.admits(&presented.secret))
        .ok_or_else(|| unauthorized("the API key is not known, or was revoked"))?;
    submit.allowances.take(&key, Timestamp::now())?;
    Ok(key)
}

fn unauthorized(why: &str) -> Refusal {
    let hint =
        "send `Authorization: Bearer nk_…`; an operator makes keys with `nommer keys create`";
    JobError::new(Code::Unauthorized, why)
        .with_hint(hint)
        .into()
}
