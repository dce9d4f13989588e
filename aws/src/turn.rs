//! Whose turn it is to run scale: a burst of submits wakes it many times, and one run serves all that came before it.
//!
//! At most one woken run begins a second. A run that would come too soon waits and looks again; one whose event is older than a run
//! that has begun since has nothing left to do. Runs at once would do no harm, only cost. A turn is written into the fleet's own item: its
//! answer is the record that the run begins with.

use std::time::Duration;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::update_item::UpdateItemError,
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use jiff::Timestamp;
use nommer_core::{lease::later, ports::StoreError};

use crate::{
    fault::unavailable,
    store::{
        DynamoStore,
        fleet::{BEGUN, record_key},
        item,
    },
};

/// Pause between the beginnings of two woken runs.
const PAUSE: Duration = Duration::from_secs(1);

/// How far the index that scale reads may lag behind the table, and clocks behind each other.
const LAG: Duration = Duration::from_millis(500);

/// What a woken run is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Run.
    Run,
    /// Nothing: a run that began after the event has seen what it was about.
    Covered,
    /// Ask again after this long.
    Wait(Duration),
}

impl DynamoStore {
    /// Whether a run that was asked for at `asked_at` shall begin `now`.
    pub async fn scale_turn(
        &self,
        asked_at: Timestamp,
        now: Timestamp,
    ) -> Result<Turn, StoreError> {
        const WHAT: &str = "take a turn";
        let latest = now.checked_sub(PAUSE).unwrap_or(Timestamp::MIN);
        let (pk, sk) = record_key();
        let taken = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(item::key(pk, sk)))
            .return_values(ReturnValue::AllNew)
            .update_expression("SET #begun = :now")
            .condition_expression("attribute_not_exists(#begun) OR #begun <= :latest")
            .expression_attribute_names("#begun", BEGUN)
            .expression_attribute_values(":now", item::number(now.as_millisecond()))
            .expression_attribute_values(":latest", item::number(latest.as_millisecond()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match taken.map_err(SdkError::into_service_error) {
            Ok(taken) => {
                if let Some(item) = taken.attributes {
                    self.seen.bring(item);
                }
                Ok(Turn::Run)
            }
            Err(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let begun = failed
                    .item()
                    .and_then(|item| item.get(BEGUN)?.as_n().ok()?.parse().ok())
                    .and_then(|millis| Timestamp::from_millisecond(millis).ok())
                    .unwrap_or(now);
                Ok(decide(begun, asked_at, now))
            }
            Err(fault) => Err(unavailable(WHAT, &fault)),
        }
    }
}

/// Another run began at `begun`, too recently for another.
fn decide(begun: Timestamp, asked_at: Timestamp, now: Timestamp) -> Turn {
    if begun >= later(asked_at, LAG) {
        return Turn::Covered;
    }
    let until = later(begun, PAUSE);
    Turn::Wait(
        Duration::try_from(until.duration_since(now)).unwrap_or_default()
            + Duration::from_millis(1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millisecond(millis).unwrap()
    }

    #[test]
    fn a_run_that_began_after_the_event_serves_it() {
        assert_eq!(decide(at(1_500), at(1_000), at(1_600)), Turn::Covered);
    }

    #[test]
    fn an_event_that_the_last_run_may_have_missed_waits_for_the_next() {
        let wait = Duration::from_millis(901);
        assert_eq!(decide(at(1_400), at(1_000), at(1_500)), Turn::Wait(wait));
    }
}
