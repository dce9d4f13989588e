//! The event that wakes scale: put on the stack's bus, routed by a rule.

use aws_sdk_eventbridge::{Client, types::PutEventsRequestEntry};
use jiff::Timestamp;
use nommer_core::ports::{ScaleSignal, StoreError};
use serde_json::json;

use crate::fault::{unavailable, unreadable};

/// Who the event is from, as the rule matches it.
pub const SOURCE: &str = "nommer";

/// What the event says, as the rule matches it.
pub const DETAIL_TYPE: &str = "Jobs Waiting";

/// Puts events on one bus.
#[derive(Clone, Debug)]
pub struct EventSignal {
    client: Client,
    bus: String,
    stack: String,
}

impl EventSignal {
    /// The bus by its name, for the stack of this name.
    pub fn new(client: Client, bus: impl Into<String>, stack: impl Into<String>) -> Self {
        Self {
            client,
            bus: bus.into(),
            stack: stack.into(),
        }
    }
}

impl ScaleSignal for EventSignal {
    async fn wake(&self) -> Result<(), StoreError> {
        const WHAT: &str = "wake scale";
        // The event's own time has whole seconds only; scale needs to know more closely whether a run has seen the job.
        let detail = json!({"stack": self.stack, "at": Timestamp::now()});
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(SOURCE)
            .detail_type(DETAIL_TYPE)
            .detail(detail.to_string())
            .build();
        let answer = self
            .client
            .put_events()
            .entries(entry)
            .send()
            .await
            .map_err(|error| unavailable(WHAT, &error.into_service_error()))?;
        match answer.entries().iter().find_map(|entry| entry.error_code()) {
            Some(code) => Err(unreadable(WHAT, code)),
            None => Ok(()),
        }
    }
}
