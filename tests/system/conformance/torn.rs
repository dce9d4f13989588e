//! A database whose write-ahead log was cut off, as a power cut may leave it, holds every job as it was
//! acknowledged before the cut.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use nommer_core::{
    job::{Event, Job},
    ports::{Backend as _, Created, JobFilter, JobStore as _},
};
use nommer_local::Local;

use super::fixtures::{at, id, job};

/// Bytes of the log before its first frame, see <https://www.sqlite.org/fileformat2.html#walformat>.
const HEADER: u64 = 32;

/// Bytes of a frame: its header and a page.
const FRAME: u64 = 24 + 4_096;

/// The log beside a database.
fn log_of(database: &Path) -> PathBuf {
    let mut name: OsString = database.into();
    name.push("-wal");
    name.into()
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

/// Jobs that are written, each created, claimed and canceled.
const JOBS: u32 = 4;

/// What was acknowledged, and how long the log was then.
struct Acknowledged {
    log: u64,
    jobs: Vec<Job>,
}

#[tokio::test]
async fn a_log_that_is_cut_anywhere_holds_what_was_acknowledged_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nommer.db");
    let local = Local::open(folder.path()).unwrap();
    let mut acknowledged = vec![Acknowledged {
        log: 0,
        jobs: Vec::new(),
    }];
    for number in 1..=JOBS {
        for step in 0..3 {
            write(&local, number, step).await;
            acknowledged.push(Acknowledged {
                log: size(&log_of(&path)),
                jobs: all(&local).await,
            });
        }
    }
    // What a cut would leave; when the store closes, it empties the log.
    let (database, log) = (fs::read(&path).unwrap(), fs::read(log_of(&path)).unwrap());
    drop(local);

    let end = log.len() as u64;
    let boundaries = (0..).map(|frame| HEADER + frame * FRAME);
    let cuts = boundaries.flat_map(|boundary| [boundary, boundary + FRAME / 2]);
    for cut in [0, 1].into_iter().chain(cuts.take_while(|cut| *cut <= end)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("nommer.db");
        fs::write(&path, &database).unwrap();
        fs::write(log_of(&path), &log[..usize::try_from(cut).unwrap()]).unwrap();
        let safe = acknowledged.iter().rfind(|then| then.log <= cut).unwrap();
        holds(&safe.jobs, &path, cut).await;
    }
    let last = acknowledged.last().unwrap();
    assert_eq!(last.log, end, "the last cut cuts nothing");
    assert_eq!(last.jobs.len(), 4);
}

/// One acknowledged write.
async fn write(local: &Local, number: u32, step: u32) {
    let event = match step {
        0 => {
            let created = local.store().create(&job(number), None).await.unwrap();
            return assert_eq!(created, Created::New);
        }
        1 => Event::Claim {
            instance: "i-1".parse().unwrap(),
            lease: std::time::Duration::from_secs(60),
            margin: std::time::Duration::ZERO,
            slot_hour_usd: None,
        },
        _ => Event::Cancel,
    };
    // The store alone: the queues share its file, and a message is a write of its own.
    let (mut job, version) = local.store().get(&id(number)).await.unwrap().unwrap();
    job.apply(event, at(1));
    local.store().put(&job, version, &[]).await.unwrap();
}

async fn all(local: &Local) -> Vec<Job> {
    let filter = JobFilter {
        limit: 100,
        ..JobFilter::default()
    };
    local.store().list(&filter).await.unwrap()
}

/// The database opens, is sound, holds these jobs as they were and no other, and takes new ones.
async fn holds(jobs: &[Job], path: &Path, cut: u64) {
    let local = Local::open(path.parent().unwrap())
        .unwrap_or_else(|error| panic!("cut at {cut}: {error:?}"));
    assert_eq!(all(&local).await, jobs, "cut at {cut}");
    let new = local.store().create(&job(99), None).await.unwrap();
    assert_eq!(new, Created::New, "cut at {cut}");
    let found = local.store().get(&id(99)).await.unwrap();
    assert!(found.is_some(), "cut at {cut}");
    let connection = rusqlite::Connection::open(path).unwrap();
    let sound: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(sound, "ok", "cut at {cut}");
}
