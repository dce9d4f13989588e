//! The stack's event bus: what wakes scale, routed by a rule of ours, and what becomes of jobs, for rules of the user's.

use aws_sdk_eventbridge::{
    Client,
    primitives::DateTime,
    types::{PutEventsRequestEntry, builders::PutEventsRequestEntryBuilder},
};
use jiff::Timestamp;
use nommer_core::{
    notify::BusEvent,
    ports::{EventBus, ScaleSignal, StoreError},
};
use serde_json::{Value, json};

use crate::fault::{unavailable, unreadable};

/// Who the event is from, as the rule matches it.
pub const SOURCE: &str = "nommer";

/// What the event says, as the rule matches it.
pub const DETAIL_TYPE: &str = "Jobs Waiting";

/// Most events of one request.
/// <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>
const AT_ONCE: usize = 10;

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

    /// Puts entries on the bus.
    async fn put(&self, what: &str, entries: Vec<PutEventsRequestEntry>) -> Result<(), StoreError> {
        let put = self.client.put_events().set_entries(Some(entries));
        let answer = put
            .send()
            .await
            .map_err(|error| unavailable(what, &error.into_service_error()))?;
        match answer.entries().iter().find_map(|entry| entry.error_code()) {
            Some(code) => Err(unreadable(what, code)),
            None => Ok(()),
        }
    }

    /// A new entry of ours.
    fn entry(&self, detail_type: &str, detail: &Value) -> PutEventsRequestEntryBuilder {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(SOURCE)
            .detail_type(detail_type)
            .detail(detail.to_string())
    }
}

impl EventBus for EventSignal {
    async fn publish(&self, events: &[BusEvent]) -> Result<(), StoreError> {
        for some in events.chunks(AT_ONCE) {
            let entries = some.iter().map(|event| {
                let mut detail = event.detail.clone();
                detail["stack"] = json!(self.stack);
                self.entry(event.event.detail_type(), &detail)
                    .time(DateTime::from_millis(event.at.as_millisecond()))
                    .build()
            });
            self.put("publish a job's event", entries.collect()).await?;
        }
        Ok(())
    }
}

impl ScaleSignal for EventSignal {
    async fn wake(&self) -> Result<(), StoreError> {
        // The event's own time has whole seconds only; scale needs to know more closely whether a run has seen the job.
        let detail = json!({"stack": self.stack, "at": Timestamp::now()});
        let entry = self.entry(DETAIL_TYPE, &detail).build();
        self.put("wake scale", vec![entry]).await
    }
}
