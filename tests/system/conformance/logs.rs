//! [`LogStore`]: what was kept last is what is found, by every process, and it goes with its job.

use jiff::Timestamp;
use nommer_core::{
    log::JobLog,
    ports::{JobStore as _, LogStore as _, StoreError, Version},
};

use super::{
    World,
    fixtures::{canceled, job},
};

fn log(attempt: u32) -> JobLog {
    JobLog {
        attempt,
        at: Timestamp::from_second(1_900_000_000).unwrap(),
        text: "== pass 1\nÜnïcode 'quotes'\n".repeat(500),
    }
}

pub(super) async fn the_last_log_is_found_and_goes_with_its_job(world: &impl World) {
    let (store, mut job) = (world.store(), job(1));
    store.create(&job, None).await.unwrap();
    assert_eq!(store.log(&job.id).await.unwrap(), None);
    let mut version = Version(1);
    for attempt in 1..=2 {
        job.log = Some(log(attempt));
        version = store.put(&job, version, &[]).await.unwrap();
    }
    let mut ended = canceled(job.clone());
    ended.log = Some(log(3));
    let stale = store.put(&ended, Version(1), &[]).await;
    assert!(matches!(stale, Err(StoreError::Conflict)), "{stale:?}");
    let found = world.elsewhere(async |store| store.log(&job.id).await);
    assert_eq!(found.await.unwrap(), Some(log(2)));
    let (read, _) = store.get(&job.id).await.unwrap().unwrap();
    assert_eq!(read.log, None, "it lies beside the record");
    version = store.put(&ended, version, &[]).await.unwrap();
    assert_eq!(store.log(&job.id).await.unwrap(), Some(log(3)));
    store.delete(&job.id, version).await.unwrap();
    assert_eq!(store.log(&job.id).await.unwrap(), None);
}
