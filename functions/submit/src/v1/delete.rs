//! Jobs that are forgotten, with what they published if that is asked for.
//!
//! Files go first and the record last, so that the same request finishes what was interrupted. Nothing is deleted that the record does not
//! name, that somebody replaced meanwhile, or that lies where the system may not delete.

use axum::{
    Extension,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use nommer_core::{
    error::{Code, JobError},
    job::Published,
    key::Caller,
    ports::{Backend, JobStore as _, MediaError, Outputs, ScaleSignal},
    uri::MediaUri,
};
use serde::Deserialize;

use super::{Ports, query};
use crate::{Submit, job::find_version, reply::Refusal};

/// What to do where outputs cannot be deleted.
const HINT: &str = "a stack deletes in its own bucket for media, local mode in the folders that it serves; delete them with tools of your own, and the job without `delete_outputs`";

/// What to do where something else stands in the place of an output.
const REPLACED: &str =
    "nothing was deleted; without `delete_outputs` the job is forgotten and its outputs stay";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteQuery {
    #[serde(default)]
    delete_outputs: bool,
}

pub(crate) async fn delete<B: Backend, W: ScaleSignal>(
    State(submit): Ports<B, W>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    asked: Result<Query<DeleteQuery>, QueryRejection>,
) -> Result<StatusCode, Refusal> {
    let with_outputs = query(asked)?.delete_outputs;
    delete_one(&submit, &caller, &id, with_outputs).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets a job that has ended, with its outputs or without.
pub(super) async fn delete_one<B: Backend, W>(
    submit: &Submit<B, W>,
    caller: &Caller,
    id: &str,
    with_outputs: bool,
) -> Result<(), Refusal> {
    let (job, version) = find_version(submit, caller, id).await?;
    if !job.state.ended() {
        let message = format!("job {} is {}; cancel it first", job.id, job.state.name());
        return Err(Refusal::new(Code::Conflict, message));
    }
    if with_outputs {
        let published = job.published()?;
        delete_outputs(submit.backend.outputs(), &published).await?;
        let outputs = published.len();
        tracing::info!(job.id = %job.id, outputs, "the outputs of a job were deleted");
    }
    Ok(submit.backend.store().delete(&job.id, version).await?)
}

/// Deletes outputs if all of them are as they were published, and none if any is not.
async fn delete_outputs(
    storage: Option<&impl Outputs>,
    published: &[Published],
) -> Result<(), JobError> {
    if published.is_empty() {
        return Ok(());
    }
    let storage = storage.ok_or_else(|| forbidden("this system deletes no outputs".to_owned()))?;
    for output in published {
        for (uri, etag) in &output.shown {
            check(storage, uri, etag.as_deref()).await?;
        }
    }
    for output in published {
        for (uri, etag) in &output.shown {
            let removed = storage.remove(uri, etag.as_deref()).await;
            removed.map_err(refused)?;
        }
        if !output.parts.is_empty() {
            let removed = storage.remove_below(&output.folder, &output.parts).await;
            removed.map_err(refused)?;
        }
    }
    Ok(())
}

/// Refuses a file that is not the one that was published. One that is gone is as good as deleted.
async fn check(storage: &impl Outputs, uri: &MediaUri, etag: Option<&str>) -> Result<(), JobError> {
    let found = storage.facts(uri).await.map_err(refused)?;
    let replaced = found.is_some_and(|found| etag.is_some() && found.etag.as_deref() != etag);
    if replaced {
        let message = format!("{uri} is not what the job published; somebody replaced it");
        return Err(JobError::new(Code::DestConflict, message).with_hint(REPLACED));
    }
    Ok(())
}

fn forbidden(message: String) -> JobError {
    JobError::new(Code::DestForbidden, message).with_hint(HINT)
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err hands over")]
fn refused(error: MediaError) -> JobError {
    let message = error.to_string();
    match error {
        MediaError::Changed(_) => JobError::new(Code::DestConflict, message)
            .with_hint("somebody replaces it right now; look, and ask again"),
        MediaError::NotFound(_) | MediaError::Forbidden(_) | MediaError::Unusable(_) => {
            forbidden(message)
        }
        MediaError::NoSpace(_) | MediaError::TooLarge { .. } | MediaError::Unavailable { .. } => {
            JobError::new(Code::DestUnavailable, message)
                .with_hint("the same request goes on where this one ended")
        }
    }
}
