//! A database whose write-ahead log was cut off, as a power cut may leave it, holds every job that was acknowledged before the cut.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
};

use nommer_core::ports::{Backend as _, Created, JobFilter, JobStore as _};
use nommer_local::Local;

use super::fixtures::{id, job};

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

#[tokio::test]
async fn a_log_that_is_cut_anywhere_holds_what_was_acknowledged_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nommer.db");
    let local = Local::open(folder.path()).unwrap();
    let store = local.store();
    // The size of the log at each acknowledgment.
    let mut acknowledged = Vec::new();
    for number in 1..=8 {
        store.create(&job(number), None).await.unwrap();
        acknowledged.push(size(&log_of(&path)));
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
        let safe = acknowledged.iter().filter(|size| **size <= cut).count();
        holds_the_first(safe, &path, cut).await;
    }
    assert_eq!(acknowledged.last(), Some(&end), "the last cut cuts nothing");
}

/// The database opens, holds these jobs whole and no other, and takes new ones.
async fn holds_the_first(count: usize, path: &Path, cut: u64) {
    let local = Local::open(path.parent().unwrap())
        .unwrap_or_else(|error| panic!("cut at {cut}: {error:?}"));
    let store = local.store();
    let all = JobFilter {
        limit: 100,
        ..JobFilter::default()
    };
    let mut found = store.list(&all).await.unwrap();
    found.reverse();
    let expected: Vec<_> = (1..=8).take(count).map(job).collect();
    assert_eq!(found, expected, "cut at {cut}");
    let new = store.create(&job(99), None).await.unwrap();
    assert_eq!(new, Created::New, "cut at {cut}");
    assert!(store.get(&id(99)).await.unwrap().is_some(), "cut at {cut}");
}
