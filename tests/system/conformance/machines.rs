//! [`Fleet`]: machines are launched once, known by their token, and ended without harm to others.

use nommer_core::{
    id::InstanceId,
    ports::{Fleet, Machine},
};

use super::FleetWorld;

async fn machines(fleet: &impl Fleet) -> Vec<Machine> {
    let mut machines = fleet.machines().await.unwrap();
    machines.sort_by(|one, other| one.token.cmp(&other.token));
    machines
}

fn machine(token: &str, id: &InstanceId) -> Machine {
    Machine {
        id: id.clone(),
        token: token.to_owned(),
    }
}

pub(super) async fn a_launched_machine_is_listed_with_its_token(world: &impl FleetWorld) {
    let fleet = world.fleet();
    assert_eq!(machines(fleet).await, []);
    let first = fleet.launch("1-a").await.unwrap();
    let second = fleet.launch("2-b").await.unwrap();
    assert_ne!(first, second);
    let all = [machine("1-a", &first), machine("2-b", &second)];
    assert_eq!(machines(fleet).await, all);
}

pub(super) async fn one_token_launches_one_machine(world: &impl FleetWorld) {
    let fleet = world.fleet();
    let first = fleet.launch("1-a").await.unwrap();
    assert_eq!(fleet.launch("1-a").await.unwrap(), first);
    assert_eq!(machines(fleet).await, [machine("1-a", &first)]);
}

pub(super) async fn an_ended_machine_is_listed_no_more_and_ends_but_once(world: &impl FleetWorld) {
    let fleet = world.fleet();
    let first = fleet.launch("1-a").await.unwrap();
    let second = fleet.launch("2-b").await.unwrap();
    for _ in 0..2 {
        fleet.terminate(&first).await.unwrap();
        assert_eq!(machines(fleet).await, [machine("2-b", &second)]);
    }
}

pub(super) async fn nothing_comes_of_ending_what_never_was(world: &impl FleetWorld) {
    let fleet = world.fleet();
    for name in ["i-0123456789abcdef0", "local-0123", "no-such-thing"] {
        fleet.terminate(&name.parse().unwrap()).await.unwrap();
    }
}

pub(super) async fn machines_of_another_fleet_are_neither_seen_nor_ended(world: &impl FleetWorld) {
    let (fleet, other) = (world.fleet(), world.other());
    let theirs = other.launch("1-a").await.unwrap();
    assert_eq!(machines(fleet).await, []);
    fleet.terminate(&theirs).await.unwrap();
    assert_eq!(machines(other).await, [machine("1-a", &theirs)]);
    let ours = fleet.launch("1-a").await.unwrap();
    assert_ne!(ours, theirs);
}
