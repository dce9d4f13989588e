//! Gives what happened to the fleet to those who want to hear of it: the operator's webhook endpoints. Nothing is sent to them here:
//! that is state-change's.

use std::time::Duration;

use nommer_core::{
    commit::amend_fleet,
    fleet::Untold,
    notify::{Notification, Subscription, Target},
    ports::{Backend, EndpointStore as _, JobQueue as _, NotificationStore as _, StoreError},
    webhook::WebhookEndpoint,
};

/// Stores the notifications, then forgets what they tell of. Dying between the two does it again, and stores none twice.
pub(crate) async fn tell<B: Backend>(backend: &B, untold: &[Untold]) -> Result<(), StoreError> {
    if untold.is_empty() {
        return Ok(());
    }
    let store = backend.store();
    let (endpoints, _) = store.endpoints(None).await?;
    let subscriptions = endpoints.iter().filter_map(WebhookEndpoint::subscription);
    let subscriptions: Vec<Subscription> = subscriptions.collect();
    for one in untold {
        tell_one(backend, one, &subscriptions).await?;
    }
    let told = |one: &Untold| untold.iter().any(|known| known.name == one.name);
    let forgotten = amend_fleet(store, |record| record.untold.retain(|one| !told(one)));
    // It holds whole records, and is seldom needed.
    Box::pin(forgotten).await.map(drop)
}

async fn tell_one<B: Backend>(
    backend: &B,
    one: &Untold,
    subscriptions: &[Subscription],
) -> Result<(), StoreError> {
    let event = one.news.event();
    let wanting = subscriptions.iter().filter(|to| to.events.contains(&event));
    let targets: Vec<&Target> = wanting.map(|to| &to.target).collect();
    if targets.is_empty() {
        return Ok(());
    }
    let store = backend.store();
    for target in targets {
        let (name, news) = (one.name.clone(), one.news.clone());
        let told = Notification::of_fleet(name, news, target.clone(), one.at);
        match store.add_notification(&told).await {
            // It is there already.
            Ok(()) | Err(StoreError::Conflict) => {}
            Err(fault @ StoreError::Unavailable { .. }) => return Err(fault),
        }
    }
    if let Err(error) = backend.state_queue().send(&one.name, Duration::ZERO).await {
        tracing::warn!(event = %event, error = ?error, "notifications wait for prune");
    }
    Ok(())
}
