//! One suite for every port, on every set of adapters: what one adapter promises, all do.
//!
//! A set is a [`World`] (and a [`MediaWorld`], if it stores media) and one line at the end of this file. The use cases are tested
//! on memory and trusted on all others because of this suite.

mod batches;
mod claims;
mod endpoints;
mod fixtures;
mod fleet;
mod jobs;
mod keys;
mod logs;
mod machines;
mod media;
mod notifications;
mod outputs;
mod presets;
mod queue;
mod secrets;
mod torn;
pub(crate) mod worlds;

use std::time::Duration;

use nommer_core::{
    ports::{
        BatchStore, EndpointStore, Fleet, FleetStore, JobQueue, JobStore, KeyStore, LogStore,
        MediaStorage, NotificationStore, Outputs, PresetStore, Secrets,
    },
    uri::MediaUri,
};

/// A fresh set of adapters, empty and shared with nobody.
pub(crate) trait World: Sized + Sync {
    /// Where jobs, notifications and the fleet live.
    type Store: JobStore
        + NotificationStore
        + EndpointStore
        + FleetStore
        + KeyStore
        + LogStore
        + PresetStore
        + BatchStore;
    /// A queue.
    type Queue: JobQueue;
    /// What seals and opens.
    type Secrets: Secrets;

    /// For how long the suite hides hints in the queue.
    const HIDDEN: Duration = Duration::from_secs(30);

    /// How much earlier it looks for a hint that must still be hidden: real clocks go on while a test runs.
    const REST: Duration = Duration::from_secs(1);

    /// Makes one.
    async fn new() -> Self;

    /// The store.
    fn store(&self) -> &Self::Store;

    /// Does work on the same table, through a handle as another process would have it.
    async fn elsewhere<T>(&self, work: impl AsyncFnOnce(&Self::Store) -> T) -> T;

    /// The queue.
    fn queue(&self) -> &Self::Queue;

    /// Lets time pass for the queue.
    async fn advance(&self, by: Duration);

    /// What seals and opens.
    fn secrets(&self) -> &Self::Secrets;
}

/// A fresh place for media, empty and shared with nobody.
trait MediaWorld {
    /// The adapter.
    type Storage: MediaStorage;
    /// What deletes what that stored.
    type Outputs: Outputs;

    /// Makes one.
    async fn new() -> Self;

    /// The adapter.
    fn storage(&self) -> &Self::Storage;

    /// What deletes what that stored.
    fn outputs(&self) -> &Self::Outputs;

    /// The address of the object with this name, which may hold slashes.
    fn uri(&self, name: &str) -> MediaUri;

    /// Writes an object as a stranger would.
    async fn put(&self, name: &str, content: &str);

    /// Reads an object as a stranger would.
    async fn get(&self, name: &str) -> Option<String>;

    /// Removes an object as a stranger would.
    async fn remove(&self, name: &str);

    /// How many things there are beside the objects that were asked for: unfinished outputs, hidden files.
    async fn leftovers(&self) -> usize;
}

/// Two fleets without a machine.
trait FleetWorld {
    /// The adapter.
    type Fleet: Fleet;

    /// Makes them.
    async fn new() -> Self;

    /// The one that is tested.
    fn fleet(&self) -> &Self::Fleet;

    /// One that has nothing to do with it.
    fn other(&self) -> &Self::Fleet;
}

/// Makes one test of each case.
macro_rules! tests {
    ($set:ident: $world:ty as $trait:ident; $($port:ident: $($case:ident)+;)+) => {
        mod $set {
            $(mod $port {
                $(
                    #[tokio::test]
                    async fn $case() {
                        use crate::conformance::*;
                        let world = <$world as $trait>::new().await;
                        crate::conformance::$port::$case(&world).await;
                    }
                )+
            })+
        }
    };
}

/// Runs the suite on one set of adapters.
macro_rules! conformance {
    ($set:ident: $world:ty) => {
        tests! { $set: $world as World;
            jobs:
                a_new_job_is_stored_at_its_first_version
                a_job_comes_back_as_it_was_written
                an_id_is_given_once
                a_repeated_key_finds_the_first_job
                a_key_that_has_expired_is_free
                a_refused_job_leaves_no_key
                two_live_jobs_cannot_share_a_destination
                a_stale_write_is_refused
                of_many_writers_one_succeeds
                of_many_jobs_for_one_destination_one_is_stored
                what_has_not_ended_is_unfinished
                lists_are_newest_first_and_pages_have_no_gap
                lists_can_be_filtered
                a_list_can_be_narrowed_to_an_owner
                a_list_can_be_narrowed_to_a_time
                probes_share_no_destination_and_stand_in_no_list
                unfinished_jobs_of_an_owner_are_counted_up_to_a_limit
                a_deleted_job_takes_its_notifications_along
                a_stale_delete_is_refused;
            notifications:
                they_are_stored_with_their_change_or_not_at_all
                they_are_found_when_they_are_due
                a_limit_is_kept_and_no_job_comes_twice
                a_stale_write_is_refused
                one_change_is_told_to_many
                the_beginning_of_a_job_is_told_with_it
                those_to_an_endpoint_are_listed_newest_first
                a_sample_belongs_to_no_job;
            endpoints:
                endpoints_are_found_as_they_were_written_last;
            fleet:
                the_record_begins_at_version_zero
                a_stale_record_is_refused
                instances_are_listed_until_they_are_gone
                a_stale_instance_is_refused;
            keys:
                a_key_is_found_as_it_was_written_last
                a_key_that_there_is_not_is_not_found;
            logs:
                the_last_log_is_found_and_goes_with_its_job;
            presets:
                a_preset_is_found_as_it_was_written_last;
            batches:
                a_batch_is_found_with_all_its_entries
                a_repeated_key_finds_the_first_batch
                of_many_writers_of_a_batch_one_succeeds
                a_batch_that_ended_is_unfinished_no_more_and_its_entries_are_forgotten
                batches_are_listed_newest_first_and_by_owner
                jobs_are_listed_by_their_batch;
            queue:
                a_received_hint_is_hidden
                a_hint_comes_back_when_nobody_deletes_it
                a_deleted_hint_stays_away
                a_delayed_hint_comes_later
                an_extended_hint_stays_hidden
                a_hint_can_be_given_back
                an_old_receipt_is_no_good
                no_receipt_is_too_strange
                no_more_is_received_than_was_asked_for;
            secrets:
                what_was_sealed_opens
                what_was_sealed_for_one_does_not_open_for_another;
            claims:
                no_job_is_claimed_twice;
        }
    };
}

/// Runs the suite for media on one adapter.
macro_rules! media_conformance {
    ($set:ident: $world:ty) => {
        tests! { $set: $world as MediaWorld;
            media:
                what_is_not_there_is_not_found
                the_version_that_was_looked_at_is_fetched
                a_version_that_is_gone_is_not_fetched
                what_is_too_large_is_not_fetched
                ranges_are_of_one_version
                an_output_is_invisible_until_it_is_committed
                segments_are_joined_in_order
                a_block_is_put_behind_the_beginning
                a_new_output_does_not_replace_what_came_before_it
                an_output_does_not_replace_what_changed_meanwhile
                an_output_replaces_what_is_as_it_was
                an_unwanted_output_leaves_nothing;
            outputs:
                an_output_is_deleted_as_the_version_that_was_committed
                what_replaced_an_output_is_not_deleted
                what_is_not_there_counts_as_deleted
                segments_are_deleted_by_their_names_and_no_others
                what_lies_elsewhere_is_beyond_reach;
        }
    };
}

/// Runs the suite for fleets on one adapter.
macro_rules! fleet_conformance {
    ($set:ident: $world:ty) => {
        tests! { $set: $world as FleetWorld;
            machines:
                a_launched_machine_is_listed_with_its_token
                one_token_launches_one_machine
                an_ended_machine_is_listed_no_more_and_ends_but_once
                nothing_comes_of_ending_what_never_was
                machines_of_another_fleet_are_neither_seen_nor_ended;
        }
    };
}

conformance!(memory: worlds::Memory);
conformance!(local: worlds::Local);
conformance!(aws: worlds::Aws);
media_conformance!(folder: worlds::Folder);
media_conformance!(s3: worlds::S3);
fleet_conformance!(processes: worlds::Processes);
fleet_conformance!(ec2: worlds::Ec2);
