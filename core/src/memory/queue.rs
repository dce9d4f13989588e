//! A queue in memory.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    id::JobId,
    lane::Lane,
    lease::later,
    ports::{Delivery, JobQueue, StoreError},
};

/// A queue of hints whose clock is set by hand.
#[derive(Debug)]
pub struct MemoryQueue {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    now: Timestamp,
    next: u64,
    messages: BTreeMap<u64, Message>,
}

#[derive(Debug)]
struct Message {
    job_id: JobId,
    visible_at: Timestamp,
    receives: u32,
}

impl MemoryQueue {
    /// An empty queue at this time.
    pub fn new(now: Timestamp) -> Self {
        Self {
            inner: Mutex::new(Inner {
                now,
                next: 0,
                messages: BTreeMap::new(),
            }),
        }
    }

    /// Sets the clock.
    pub fn set_now(&self, now: Timestamp) {
        self.lock().now = now;
    }

    /// How many messages there are, hidden ones included.
    pub fn len(&self) -> usize {
        self.lock().messages.len()
    }

    /// Whether there is no message at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder panics")
    }
}

/// A receipt names the message and the receipt of it, so that an old receipt is no good after another receive.
fn receipt(number: u64, receives: u32) -> String {
    format!("{number}:{receives}")
}

impl Inner {
    fn held(&mut self, receipt_text: &str) -> Option<(u64, &mut Message)> {
        let number: u64 = receipt_text.split_once(':')?.0.parse().ok()?;
        let message = self.messages.get_mut(&number)?;
        (message.receives > 0 && receipt(number, message.receives) == receipt_text)
            .then_some((number, message))
    }
}

impl JobQueue for MemoryQueue {
    async fn send(&self, id: &JobId, delay: Duration) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let message = Message {
            job_id: id.clone(),
            visible_at: later(inner.now, delay),
            receives: 0,
        };
        let number = inner.next;
        inner.next += 1;
        inner.messages.insert(number, message);
        Ok(())
    }

    async fn receive(
        &self,
        limit: u32,
        _wait: Duration,
        hidden: Duration,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut inner = self.lock();
        let now = inner.now;
        let visible = inner
            .messages
            .iter_mut()
            .filter(|(_, message)| message.visible_at <= now);
        let taken = visible
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|(number, message)| {
                message.visible_at = later(now, hidden);
                message.receives += 1;
                Delivery {
                    job_id: message.job_id.clone(),
                    receipt: receipt(*number, message.receives),
                    receives: message.receives,
                    lane: Lane::default(),
                }
            });
        Ok(taken.collect())
    }

    async fn extend(&self, receipt: &str, hidden: Duration) -> Result<(), StoreError> {
        let mut inner = self.lock();
        let now = inner.now;
        if let Some((_, message)) = inner.held(receipt) {
            message.visible_at = later(now, hidden);
        }
        Ok(())
    }

    async fn delete(&self, receipt: &str) -> Result<(), StoreError> {
        let mut inner = self.lock();
        if let Some((number, _)) = inner.held(receipt) {
            inner.messages.remove(&number);
        }
        Ok(())
    }
}
