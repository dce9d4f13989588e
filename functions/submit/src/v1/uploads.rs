//! Uploads: a caller announces media and is told where to bring it. The bytes go there, and not through here.
//!
//! Nothing is kept of an upload in parts: the caller brings back what is known of it. Its place is made of who asks and of the id in the
//! path, so nobody reaches a place of somebody else.

use axum::{
    Extension, Json,
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use nommer_core::{
    api::{CompletedUpload, PartView, UploadView},
    error::{Code, JobError},
    id::UploadId,
    key::Caller,
    lease::later,
    ports::{Backend, ScaleSignal, StoreError, Uploads},
    upload::{
        Announced, Completion, Cut, FOLDER, LIFETIME, LIFETIME_OF_PARTS, Offer, Part, Ticket,
        Upload, parse_completion,
    },
};
use serde::Deserialize;
use uuid::Uuid;

use super::{Ports, query};
use crate::{Submit, body::read_json, reply::Refusal};

/// What a caller brings back of an upload in parts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TicketQuery {
    ticket: Option<String>,
}

type Ticketed = Result<Query<TicketQuery>, QueryRejection>;

pub(crate) async fn create<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let body = read_json(body).await?.into_value();
    let uploads = submit.backend.uploads().ok_or_else(nowhere)?;
    let announced = Announced::parse(&body, most(uploads, &submit))?;
    let id = UploadId::from_uuid(Uuid::new_v4());
    let now = Timestamp::now();
    let upload = upload(id, &caller, announced, (uploads.cut(), now));
    let offer = uploads.offer(&upload, now).await;
    let offer = offer.map_err(|error| unprepared(&upload, &error))?;
    tracing::info!(upload.id = %upload.id, bytes = upload.announced.bytes, "upload announced");
    let view = match offer {
        Offer::Whole { url, headers: said } => UploadView {
            url: Some(whole(url, &headers)),
            headers: said.into_iter().collect(),
            ..view(uploads, &upload)
        },
        Offer::Parts { handle, parts } => {
            let announced = upload.announced.clone();
            let ticket = Ticket { announced, handle }.to_text();
            in_parts(view(uploads, &upload), parts, &ticket)
        }
    };
    Ok(unkept(StatusCode::CREATED, view))
}

pub(crate) async fn parts<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    ticket: Ticketed,
) -> Result<Response, Refusal> {
    let uploads = submit.backend.uploads().ok_or_else(nowhere)?;
    let now = Timestamp::now();
    let most = most(uploads, &submit);
    let (ticket, id) = open(uploads.cut(), &id, query(ticket)?, most)?;
    let announced = ticket.announced.clone();
    let upload = upload(id, &caller, announced, (uploads.cut(), now));
    let offered = uploads.offer_parts(&upload, &ticket.handle, now).await;
    let offered = offered.map_err(|error| unprepared(&upload, &error))?;
    let view = in_parts(view(uploads, &upload), offered, &ticket.to_text());
    Ok(unkept(StatusCode::OK, view))
}

pub(crate) async fn complete<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    ticket: Ticketed,
    body: Body,
) -> Result<Json<CompletedUpload>, Refusal> {
    let body = read_json(body).await?.into_value();
    let uploads = submit.backend.uploads().ok_or_else(nowhere)?;
    let (cut, now) = (uploads.cut(), Timestamp::now());
    let most = most(uploads, &submit);
    let (Ticket { announced, handle }, id) = open(cut, &id, query(ticket)?, most)?;
    let parts = cut.parts(announced.bytes).unwrap_or_default().len();
    let etags = parse_completion(&body, parts)?;
    let upload = upload(id, &caller, announced, (cut, now));
    let completed = uploads.complete(&upload, &handle, &etags, now).await;
    let completed = completed.map_err(|error| {
        tracing::error!(upload.id = %upload.id, error = ?error, "an upload could not be completed");
        let message = "the upload could not be completed yet; ask again";
        Refusal::new(Code::Unavailable, message)
    })?;
    if completed == Completion::Unknown {
        return Err(unknown());
    }
    if let Some(refused) = completed.refusal() {
        return Err(refused.into());
    }
    tracing::info!(upload.id = %upload.id, bytes = upload.announced.bytes, "upload completed");
    Ok(Json(CompletedUpload {
        object: "upload".to_owned(),
        source_path: source_path(uploads, &upload),
        bytes: upload.announced.bytes,
        id: upload.id,
    }))
}

/// The most bytes that an upload may have.
fn most<B, W>(uploads: &impl Uploads, submit: &Submit<B, W>) -> u64 {
    let allowed = submit.settings.limits.source_bytes;
    uploads.cut().most_bytes().min(allowed)
}

/// An upload of the caller's own, and nobody else's.
fn upload(
    id: UploadId,
    caller: &Caller,
    announced: Announced,
    (cut, now): (Cut, Timestamp),
) -> Upload {
    let lifetime = match cut.parts(announced.bytes) {
        Some(_) => LIFETIME_OF_PARTS,
        None => LIFETIME,
    };
    Upload {
        id,
        owner: caller.owner().cloned(),
        announced,
        expires_at: later(now, lifetime),
    }
}

/// What a caller brought back: of an upload that was cut into parts.
fn open(cut: Cut, id: &str, query: TicketQuery, most: u64) -> Result<(Ticket, UploadId), Refusal> {
    if cut == Cut::NEVER {
        let message = "uploads to this system come in one request, so there are no parts";
        let refused = JobError::new(Code::NotFound, message);
        return Err(refused
            .with_hint("send all bytes to the url that POST /v1/uploads answered")
            .into());
    }
    let ticket = query.ticket.and_then(|text| Ticket::parse(&text, most));
    let ticket = ticket.filter(|ticket| cut.parts(ticket.announced.bytes).is_some());
    ticket.zip(id.parse().ok()).ok_or_else(unknown)
}

fn source_path(uploads: &impl Uploads, upload: &Upload) -> String {
    let place = upload.place();
    let within = place.strip_prefix(FOLDER).unwrap_or(&place);
    format!("{}{within}", uploads.root())
}

/// What is shown of an upload, however it is to be brought.
fn view(uploads: &impl Uploads, upload: &Upload) -> UploadView {
    UploadView {
        object: "upload".to_owned(),
        id: upload.id.clone(),
        source_path: source_path(uploads, upload),
        method: "PUT".to_owned(),
        url: None,
        headers: [].into(),
        expires_at: upload.expires_at,
        parts: None,
        parts_path: None,
        complete_path: None,
    }
}

/// The same for one that comes in parts. The paths need no host: whoever asks knows where the API is, and a stage may stand before them.
fn in_parts(view: UploadView, parts: Vec<Part>, ticket: &str) -> UploadView {
    let path = |what: &str| format!("/v1/uploads/{}/{what}?ticket={ticket}", view.id);
    UploadView {
        parts_path: Some(path("parts")),
        complete_path: Some(path("complete")),
        parts: Some(parts.into_iter().map(PartView::from).collect()),
        ..view
    }
}

/// An answer that nobody keeps on the way: the addresses in it are secrets of a kind, for whoever has one may use it.
fn unkept(status: StatusCode, view: UploadView) -> Response {
    let mut response = (status, Json(view)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn unprepared(upload: &Upload, error: &StoreError) -> Refusal {
    tracing::error!(upload.id = %upload.id, error = ?error, "an upload could not be offered");
    let message = "the upload could not be prepared; try again";
    Refusal::new(Code::Unavailable, message)
}

fn nowhere() -> Refusal {
    JobError::new(Code::NotFound, "this system has no place for uploads")
        .with_hint("put the media where encoders may read it, and submit that address")
        .into()
}

fn unknown() -> Refusal {
    let message = "there is no such upload in parts, or not any more";
    JobError::new(Code::NotFound, message)
        .with_hint("use the paths as POST /v1/uploads answered them, with the key that announced the upload; after a day, announce it anew")
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
