//! What has become of each entry, one line of JSON after the other, beside the list. A line is on disk before the batch goes on.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::{Entry, Place, Try};
use crate::failure::Failure;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// The entry's name.
    entry: String,
    /// A try, and its job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    job: Option<(Try, String)>,
    /// That it is finished.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    finished: bool,
    /// That it was given up after this try.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed: Option<Try>,
}

impl Note {
    fn about(entry: &Entry) -> Self {
        Self {
            entry: entry.key.clone(),
            job: None,
            finished: false,
            failed: None,
        }
    }

    pub(super) fn submitted(entry: &Entry, now: Try, job: &str) -> Self {
        Self {
            job: Some((now, job.to_owned())),
            ..Self::about(entry)
        }
    }
}

/// The journal of one list.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    known: HashMap<String, Place>,
}

impl Journal {
    /// Opens it, or begins one.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .with_context(|| format!("open {}", path.display()))?;
        // Two batches at once would each think the other's jobs their own to wait for, and queue twice as many.
        file.try_lock().map_err(|_held| {
            Failure::usage(format!("another batch writes {}", path.display()))
                .hint("wait for it, or give this one a journal of its own with --journal")
        })?;
        let mut text = String::new();
        file.seek(SeekFrom::Start(0)).context("read the journal")?;
        file.read_to_string(&mut text)
            .with_context(|| format!("read {}", path.display()))?;
        let mut known = HashMap::new();
        // A line that was cut short when the batch was killed says nothing, and its job is found again by its key.
        for note in text
            .lines()
            .filter_map(|line| serde_json::from_str::<Note>(line).ok())
        {
            let place = match (note.job, note.failed) {
                _ if note.finished => Place::Finished,
                (_, Some(last)) => Place::Failed(Some(last), String::new()),
                (Some((now, job)), None) => Place::Submitted(now, job, true),
                (None, None) => continue,
            };
            known.insert(note.entry, place);
        }
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n").context("mend the journal")?;
        }
        let path = path.to_owned();
        Ok(Self { path, file, known })
    }

    /// Where each entry stands by what is written. Whoever runs a batch again wants what failed to be tried again, as often as at first.
    pub(super) fn places(&self, entries: &[Entry], retries: u32) -> Vec<Place> {
        let place = |entry: &Entry| match self.known.get(&entry.key) {
            None => Place::Waiting(Try {
                number: 0,
                left: retries,
            }),
            Some(Place::Failed(last, _)) => Place::Waiting(Try {
                number: last.map_or(0, |last| last.number + 1),
                left: retries,
            }),
            Some(known) => known.clone(),
        };
        entries.iter().map(place).collect()
    }

    /// Writes a line, and waits until it is on disk.
    pub(super) fn write(&mut self, note: &Note) -> Result<(), Failure> {
        let line = serde_json::to_string(note).context("write the journal")? + "\n";
        let written = self.file.write_all(line.as_bytes());
        written
            .and_then(|()| self.file.sync_data())
            .with_context(|| format!("write {}", self.path.display()))?;
        Ok(())
    }

    /// Writes that an entry is finished or was given up, once.
    pub(super) fn end(&mut self, entry: &Entry, place: &Place) -> Result<(), Failure> {
        let note = match place {
            Place::Finished => Note {
                finished: true,
                ..Note::about(entry)
            },
            Place::Failed(Some(last), _) => Note {
                failed: Some(*last),
                ..Note::about(entry)
            },
            // Without a job there is nothing to remember.
            Place::Failed(None, _) | Place::Waiting(_) | Place::Submitted(..) => return Ok(()),
        };
        if self.known.get(&entry.key) != Some(place) {
            self.write(&note)?;
            self.known.insert(entry.key.clone(), place.clone());
        }
        Ok(())
    }
}
