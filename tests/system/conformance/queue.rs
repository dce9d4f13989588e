//! [`JobQueue`]: a hint is hidden while somebody has it, and comes back until somebody deletes it.

use std::time::Duration;

use nommer_core::ports::{Delivery, JobQueue};

use super::{World, fixtures::id};

const NOW: Duration = Duration::ZERO;
fn hidden<W: World>(_: &W) -> Duration {
    W::HIDDEN
}

/// Less than a hint stays hidden.
fn almost<W: World>(_: &W) -> Duration {
    W::HIDDEN.saturating_sub(W::REST)
}

/// What is left of it.
fn rest<W: World>(_: &W) -> Duration {
    W::REST
}

async fn send(world: &impl World, number: u32) {
    world.queue().send(&id(number), NOW).await.unwrap();
}

async fn receive(world: &impl World) -> Vec<Delivery> {
    world.queue().receive(10, NOW, hidden(world)).await.unwrap()
}

/// Receives the one hint that there is.
async fn one(world: &impl World) -> Delivery {
    let mut received = receive(world).await;
    assert_eq!(received.len(), 1, "{received:?}");
    received.remove(0)
}

async fn none(world: &impl World) {
    assert_eq!(receive(world).await, []);
}

pub(super) async fn a_received_hint_is_hidden(world: &impl World) {
    none(world).await;
    send(world, 1).await;
    let received = one(world).await;
    assert_eq!((received.job_id, received.receives), (id(1), 1));
    none(world).await;
    world.advance(almost(world)).await;
    none(world).await;
}

pub(super) async fn a_hint_comes_back_when_nobody_deletes_it(world: &impl World) {
    send(world, 1).await;
    for receives in 1..=3 {
        let received = one(world).await;
        assert_eq!((received.job_id, received.receives), (id(1), receives));
        world.advance(hidden(world)).await;
    }
}

pub(super) async fn a_deleted_hint_stays_away(world: &impl World) {
    send(world, 1).await;
    let received = one(world).await;
    world.queue().delete(&received.receipt).await.unwrap();
    world.advance(hidden(world)).await;
    none(world).await;
    send(world, 1).await;
    let again = one(world).await;
    assert_eq!(again.receives, 1, "it is another hint");
    world.queue().delete(&received.receipt).await.unwrap();
    world.advance(hidden(world)).await;
    assert_eq!(one(world).await.job_id, id(1));
}

pub(super) async fn a_delayed_hint_comes_later(world: &impl World) {
    world.queue().send(&id(1), hidden(world)).await.unwrap();
    none(world).await;
    world.advance(almost(world)).await;
    none(world).await;
    world.advance(rest(world)).await;
    assert_eq!(one(world).await.job_id, id(1));
}

pub(super) async fn an_extended_hint_stays_hidden(world: &impl World) {
    send(world, 1).await;
    let received = one(world).await;
    world.advance(almost(world)).await;
    let extended = world.queue().extend(&received.receipt, hidden(world)).await;
    extended.unwrap();
    world.advance(almost(world)).await;
    none(world).await;
    world.advance(rest(world)).await;
    assert_eq!(one(world).await.receives, 2);
}

pub(super) async fn a_hint_can_be_given_back(world: &impl World) {
    send(world, 1).await;
    let received = one(world).await;
    let given_back = world.queue().extend(&received.receipt, NOW).await;
    given_back.unwrap();
    assert_eq!(one(world).await.receives, 2);
}

pub(super) async fn an_old_receipt_is_no_good(world: &impl World) {
    send(world, 1).await;
    let old = one(world).await;
    world.advance(hidden(world)).await;
    let new = one(world).await;
    assert_ne!(old.receipt, new.receipt);
    world.queue().delete(&old.receipt).await.unwrap();
    world.queue().extend(&old.receipt, NOW).await.unwrap();
    none(world).await;
    world.advance(hidden(world)).await;
    assert_eq!(one(world).await.job_id, id(1), "it was not deleted");
}

pub(super) async fn no_receipt_is_too_strange(world: &impl World) {
    send(world, 1).await;
    for receipt in [
        "",
        ":",
        "x",
        "1:x",
        "0:0",
        "1:0",
        "-1:-1",
        "99999999999999999999:1",
        "1:1:1",
    ] {
        world.queue().delete(receipt).await.unwrap();
        world.queue().extend(receipt, hidden(world)).await.unwrap();
    }
    assert_eq!(one(world).await.job_id, id(1));
}

pub(super) async fn no_more_is_received_than_was_asked_for(world: &impl World) {
    for number in 1..=5 {
        send(world, number).await;
    }
    let mut received = Vec::new();
    for limit in [2, 2, 2] {
        let some = world
            .queue()
            .receive(limit, NOW, hidden(world))
            .await
            .unwrap();
        assert!(some.len() <= 2, "{some:?}");
        received.extend(some.into_iter().map(|delivery| delivery.job_id));
    }
    received.sort();
    assert_eq!(received, (1..=5).map(id).collect::<Vec<_>>());
}
