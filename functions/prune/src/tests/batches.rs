//! Batches over the memory side: begun a few at a time, moved on when a job ends, and what stops them.

use nommer_core::{
    batch::{Batch, BatchState, Entry},
    commit::cancel_batch,
    error::{Code, JobError},
    id::BatchId,
    key::{ApiKey, Grant},
    lease::LeaseToken,
    ports::{JobFilter, KeyStore as _},
    spec::BatchRequest,
};

use super::*;

fn entry(number: u32) -> Entry {
    let body = json!({
        "source_path": format!("s3://in-bucket/{number}.mov"), "dest_path": format!("s3://out-bucket/{number}.mp4"),
        "preset": "copy", "max_attempts": 1,
    });
    Entry {
        spec: parse_v1(&body, &SpecRules::default()).unwrap().spec,
        sealed: SealedSecrets::default(),
    }
}

/// A batch of so many entries, begun, of which two are unfinished at a time.
async fn batch(backend: &Memory, entries: u32, owner: Option<&ApiKey>) -> BatchId {
    let list = vec![json!({}); entries as usize];
    let request = BatchRequest::read(&json!({"entries": list, "target_queue": 2})).unwrap();
    let owner = owner.map(|key| key.id.clone());
    let id = BatchId::from_uuid(Uuid::from_u128(7 << 64));
    let batch = Batch::new(id.clone(), &request, owner, at(0));
    let entries: Vec<Entry> = (0..entries).map(entry).collect();
    let store = &backend.store;
    store.create_batch(&batch, &entries, None).await.unwrap();
    advance(backend, &id, at(0)).await.unwrap();
    id
}

async fn stored(backend: &Memory, id: &BatchId) -> Batch {
    backend.store.batch(id).await.unwrap().unwrap().0
}

async fn jobs(backend: &Memory, id: &BatchId) -> Vec<JobId> {
    let filter = JobFilter {
        batch: Some(id.clone()),
        limit: 1_000,
        ..JobFilter::default()
    };
    let mut jobs = backend.store.list(&filter).await.unwrap();
    jobs.reverse();
    jobs.into_iter().map(|job| job.id).collect()
}

async fn end(backend: &Memory, id: &JobId, error: Option<Code>) {
    claim(backend, id, at(1)).await;
    let token = LeaseToken {
        epoch: 1,
        instance: "i-1".parse().unwrap(),
    };
    let lease = Duration::from_secs(60);
    let events = match error {
        Some(code) => vec![Event::Fail {
            token,
            error: JobError::new(code, "it broke"),
        }],
        None => vec![
            Event::Encode {
                token: token.clone(),
                report: Box::default(),
            },
            Event::Upload {
                token: token.clone(),
                warnings: Vec::new(),
            },
            Event::Publish {
                token: token.clone(),
                lease,
            },
            Event::Finish {
                token,
                outputs: Vec::new(),
            },
        ],
    };
    for event in events {
        backend.table().apply(id, event, at(2)).await.unwrap();
    }
}

async fn run(backend: &Memory) -> Pruned {
    prune(backend, &Ended::default(), &POLICY, at(3))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_batch_is_made_a_few_jobs_at_a_time_and_ends_with_the_last() {
    let backend = Memory::new(at(0));
    let id = batch(&backend, 5, None).await;
    assert_eq!(jobs(&backend, &id).await, [id.job(0), id.job(1)]);
    assert_eq!(backend.job_queue.len(), 2);
    // Nothing ends, nothing more is made.
    run(&backend).await;
    assert_eq!(jobs(&backend, &id).await.len(), 2);
    for number in 0..5 {
        end(&backend, &id.job(number), None).await;
        run(&backend).await;
        let made = jobs(&backend, &id).await.len();
        assert_eq!(made, 5.min(number as usize + 3));
    }
    let ended = stored(&backend, &id).await;
    assert_eq!((ended.state(), ended.finished), (BatchState::Finished, 5));
    let entry = backend.store.batch_entry(&id, 0).await.unwrap();
    assert_eq!(
        entry, None,
        "what jobs were made of is forgotten at the end"
    );
    assert_eq!(run(&backend).await.batches, 0);
}

#[tokio::test]
async fn the_end_of_a_job_makes_state_change_run_though_nobody_is_notified() {
    let backend = Memory::new(at(0));
    let id = batch(&backend, 3, None).await;
    end(&backend, &id.job(0), None).await;
    let hints = backend
        .state_queue
        .receive(10, Duration::ZERO, Duration::ZERO);
    assert_eq!(hints.await.unwrap()[0].job_id, id.job(0));
}

#[tokio::test]
async fn what_fails_is_listed_and_not_made_again() {
    let backend = Memory::new(at(0));
    let id = batch(&backend, 2, None).await;
    end(&backend, &id.job(0), Some(Code::SourceNotFound)).await;
    end(&backend, &id.job(1), None).await;
    run(&backend).await;
    let ended = stored(&backend, &id).await;
    let failure = &ended.failures[0];
    assert_eq!(
        (failure.entry, failure.error.code),
        (0, Code::SourceNotFound)
    );
    assert_eq!(failure.source_path.as_deref(), Some("s3://in-bucket/0.mov"));
    assert_eq!((ended.finished, ended.state()), (1, BatchState::Finished));
    assert_eq!(jobs(&backend, &id).await.len(), 2);
}

#[tokio::test]
async fn whoever_died_after_noting_an_entry_left_it_to_be_made_and_after_making_it_left_it_made() {
    for made in [false, true] {
        let backend = Memory::new(at(0));
        let id = batch(&backend, 3, None).await;
        end(&backend, &id.job(0), None).await;
        let (mut noted, version) = backend.store.batch(&id).await.unwrap().unwrap();
        let (job, _) = backend.store.get(&id.job(0)).await.unwrap().unwrap();
        noted.note(0, Some(&job));
        noted.begin(u32::MAX);
        backend.store.put_batch(&noted, version).await.unwrap();
        if made {
            let job = noted.job_of(2, entry(2), at(3));
            backend.store.create(&job, None).await.unwrap();
            end(&backend, &job.id, None).await;
        }
        run(&backend).await;
        let (job, Version(version)) = backend.store.get(&id.job(2)).await.unwrap().unwrap();
        assert_eq!((job.state.ended(), version > 1), (made, made));
        assert_eq!(stored(&backend, &id).await.finished, 1 + u32::from(made));
    }
}

#[tokio::test]
async fn many_at_once_move_a_batch_on_as_one_does() {
    let backend = Memory::new(at(0));
    let id = batch(&backend, 6, None).await;
    end(&backend, &id.job(0), None).await;
    let moves = (0..8).map(|_| advance(&backend, &id, at(3)));
    for moved in futures_util::future::join_all(moves).await {
        moved.unwrap();
    }
    let three = [id.job(0), id.job(1), id.job(2)];
    assert_eq!(jobs(&backend, &id).await, three);
    assert_eq!(backend.job_queue.len(), 3);
}

#[tokio::test]
async fn a_canceled_batch_makes_nothing_more_and_cancels_what_it_made() {
    let backend = Memory::new(at(0));
    let id = batch(&backend, 5, None).await;
    end(&backend, &id.job(0), None).await;
    let canceled = cancel_batch(&backend, &id, at(3)).await.unwrap().unwrap();
    assert_eq!(canceled.state(), BatchState::Canceled);
    assert_eq!((canceled.finished, canceled.canceled), (1, 4));
    assert_eq!(state(&backend, &id.job(1)).await, StateName::Canceled);
    assert_eq!(jobs(&backend, &id).await.len(), 2);
}

#[tokio::test]
async fn a_destination_that_another_job_has_fails_its_entry_alone() {
    let backend = Memory::new(at(0));
    let rival = Job::new(
        JobId::from_uuid(Uuid::from_u128(1)),
        entry(1).spec,
        SealedSecrets::default(),
        at(0),
    );
    backend.store.create(&rival, None).await.unwrap();
    let id = batch(&backend, 3, None).await;
    let found = stored(&backend, &id).await;
    assert_eq!(found.failures[0].error.code, Code::DestConflict);
    assert_eq!(jobs(&backend, &id).await, [id.job(0), id.job(2)]);
}

#[tokio::test]
async fn a_full_queue_is_waited_out_and_a_revoked_key_ends_its_batch() {
    let backend = Memory::new(at(0));
    let grant = Grant {
        queued_jobs: Some(1),
        ..Grant::default()
    };
    let (mut key, _) = ApiKey::new(grant, &[7; 40], at(0));
    backend.store.put_key(&key).await.unwrap();
    let id = batch(&backend, 3, Some(&key)).await;
    for number in 0..2 {
        run(&backend).await;
        assert_eq!(jobs(&backend, &id).await.len(), number + 1);
        let job = id.job(u32::try_from(number).unwrap());
        end(&backend, &job, None).await;
    }
    key.revoked_at = Some(at(3));
    backend.store.put_key(&key).await.unwrap();
    run(&backend).await;
    let found = stored(&backend, &id).await;
    assert_eq!((found.state(), found.finished), (BatchState::Canceled, 2));
    assert_eq!(jobs(&backend, &id).await.len(), 2);
}
