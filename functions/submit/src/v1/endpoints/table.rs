//! The caller's endpoints in the table: found, and changed though others change them too.

use nommer_core::{
    error::Code,
    id::EndpointId,
    key::Caller,
    ports::{Backend, EndpointStore as _, StoreError, Version},
    webhook::WebhookEndpoint,
};

use crate::{Submit, reply::Refusal};

/// How often a change is tried again when somebody else wrote first.
const TRIES: u32 = 8;

/// The endpoints that the caller looks after, and the version of their list. An admin looks after the operator's.
pub(in crate::v1) async fn own<B: Backend, W>(
    submit: &Submit<B, W>,
    caller: &Caller,
) -> Result<(Vec<WebhookEndpoint>, Version), StoreError> {
    let store = submit.backend.store();
    store.endpoints(caller.confined_to()).await
}

/// One of the caller's endpoints. Others are as if they were not there.
pub(in crate::v1) async fn find<B: Backend, W>(
    submit: &Submit<B, W>,
    caller: &Caller,
    id: &str,
) -> Result<WebhookEndpoint, Refusal> {
    let (all, _) = own(submit, caller).await?;
    let found = all.into_iter().find(|one| one.id.as_str() == id);
    found.ok_or_else(|| missing(id))
}

pub(super) fn missing(id: &str) -> Refusal {
    let id: String = id.chars().take(64).collect();
    Refusal::new(
        Code::NotFound,
        format!("there is no webhook endpoint {id:?}"),
    )
}

/// Changes the caller's endpoints, again and again until no other writer comes between.
pub(super) async fn write<B: Backend, W>(
    submit: &Submit<B, W>,
    caller: &Caller,
    change: impl Fn(&mut Vec<WebhookEndpoint>) -> Result<(), Refusal>,
) -> Result<Vec<WebhookEndpoint>, Refusal> {
    let owner = caller.confined_to();
    for _ in 0..TRIES {
        let (mut all, read) = own(submit, caller).await?;
        change(&mut all)?;
        match submit
            .backend
            .store()
            .put_endpoints(owner, &all, read)
            .await
        {
            Err(StoreError::Conflict) => {}
            written => {
                written?;
                return Ok(all);
            }
        }
    }
    let message = "the endpoints are being written by others; try again";
    Err(Refusal::new(Code::Conflict, message))
}

/// Changes one of them.
pub(super) async fn change<B: Backend, W>(
    submit: &Submit<B, W>,
    caller: &Caller,
    id: &EndpointId,
    change: impl Fn(&mut WebhookEndpoint),
) -> Result<WebhookEndpoint, Refusal> {
    let of = |one: &&mut WebhookEndpoint| one.id == *id;
    let all = write(submit, caller, |all| {
        let found = all.iter_mut().find(of);
        change(found.ok_or_else(|| missing(id.as_str()))?);
        Ok(())
    });
    let changed = all.await?.into_iter().find(|one| one.id == *id);
    changed.ok_or_else(|| missing(id.as_str()))
}
