//! Uploads: a caller announces media and is told where to bring it. The bytes go there, and not through here.

use axum::{
    Extension, Json,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use nommer_core::{
    api::UploadView,
    error::{Code, JobError},
    id::UploadId,
    key::Caller,
    lease::later,
    ports::{Backend, ScaleSignal, Uploads as _},
    upload::{Announced, FOLDER, LIFETIME, Upload},
};
use uuid::Uuid;

use super::Ports;
use crate::{body::read_json, reply::Refusal};

pub(crate) async fn create<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = read_json(body).await?.into_value();
    let uploads = submit.backend.uploads().ok_or_else(nowhere)?;
    let most = uploads
        .most_bytes()
        .min(submit.settings.limits.source_bytes);
    let now = Timestamp::now();
    let upload = Upload {
        announced: Announced::parse(&body, most)?,
        id: UploadId::from_uuid(Uuid::new_v4()),
        owner: caller.owner().cloned(),
        expires_at: later(now, LIFETIME),
    };
    let offer = uploads.offer(&upload, now).await.map_err(|error| {
        tracing::error!(upload.id = %upload.id, error = ?error, "an upload could not be offered");
        Refusal::new(
            Code::Unavailable,
            "the upload could not be prepared; try again",
        )
    })?;
    tracing::info!(upload.id = %upload.id, bytes = upload.announced.bytes, "upload announced");
    let place = upload.place();
    let within = place.strip_prefix(FOLDER).unwrap_or(&place);
    let view = UploadView {
        object: "upload".to_owned(),
        source_path: format!("{}{within}", uploads.root()),
        method: "PUT".to_owned(),
        url: whole(offer.url, &headers),
        headers: offer.headers.into_iter().collect(),
        expires_at: upload.expires_at,
        id: upload.id,
    };
    let mut response = (StatusCode::CREATED, Json(view)).into_response();
    // The address is a secret of a kind: whoever has it may use it.
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn nowhere() -> Refusal {
    JobError::new(Code::NotFound, "this system has no place for uploads")
        .with_hint("put the media where encoders may read it, and submit that address")
        .into()
}

/// An address on the server that was asked, by the name it was asked under.
fn whole(url: String, headers: &HeaderMap) -> String {
    if !url.starts_with('/') {
        return url;
    }
    let host = headers.get(header::HOST);
    match host.and_then(|host| host.to_str().ok()) {
        Some(host) => format!("http://{host}{url}"),
        None => url,
    }
}
