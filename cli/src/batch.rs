//! `nommer batch`: many jobs from one list, a few of them queued at a time, each to its end. What is known of each is written down first,
//! so a batch that was killed goes on where it stopped and encodes nothing twice.

pub(crate) mod input;
mod journal;

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use nommer_core::{api::JobView, error::Code, job::StateName};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    args::BatchArgs,
    client::{Client, Taken},
    failure::Failure,
    output::{Output, table},
};
use input::Entry;
use journal::{Journal, Note};

/// Pause between two rounds of looks at the jobs.
const INTERVAL: Duration = Duration::from_millis(500);

/// One try at an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Try {
    /// Its number among all tries there ever were, from 0.
    number: u32,
    /// How many may follow.
    left: u32,
}

/// Where an entry stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// To be submitted.
    Waiting(Try),
    /// Submitted as this job; whether it still waits for an encoder.
    Submitted(Try, String, bool),
    /// Done.
    Finished,
    /// Given up, with the try that was the last if it had a job, and why.
    Failed(Option<Try>, String),
}

/// Runs a batch.
pub(crate) async fn run(args: &BatchArgs, client: &Client, output: Output) -> Result<(), Failure> {
    let entries = input::read(args).await?;
    let mut journal = Journal::open(&args.journal_file())?;
    let mut places = journal.places(&entries, args.retries);
    let bar = bar(entries.len(), output);
    let mut hold = Duration::ZERO;
    while places.iter().any(|place| !ended(place)) {
        tokio::time::sleep(hold).await;
        hold = fill(args, client, &entries, &mut places, &mut journal).await?;
        look(client, &mut places).await?;
        for (entry, place) in entries
            .iter()
            .zip(&places)
            .filter(|(_, place)| ended(place))
        {
            journal.end(entry, place)?;
        }
        show(&bar, &places);
        hold = hold.max(INTERVAL);
    }
    bar.finish_and_clear();
    conclude(&entries, &places, output)
}

fn ended(place: &Place) -> bool {
    matches!(place, Place::Finished | Place::Failed(..))
}

/// Submits until enough jobs wait for an encoder. Gives how long to wait before the next round, if the system asks for that.
async fn fill(
    args: &BatchArgs,
    client: &Client,
    entries: &[Entry],
    places: &mut [Place],
    journal: &mut Journal,
) -> Result<Duration, Failure> {
    let queued = places
        .iter()
        .filter(|place| matches!(place, Place::Submitted(_, _, true)));
    let mut room = (args.target_queue as usize).saturating_sub(queued.count());
    for (entry, place) in entries.iter().zip(places.iter_mut()) {
        let Place::Waiting(now) = *place else {
            continue;
        };
        if room == 0 {
            break;
        }
        match client
            .submit_once(&entry.body, &entry.try_key(now.number))
            .await?
        {
            Taken::Job(job) => {
                let id = job.id.to_string();
                journal.write(&Note::submitted(entry, now, &id))?;
                *place = Place::Submitted(now, id, true);
                room -= 1;
            }
            Taken::Refused(problem) => {
                *place = Place::Failed(None, format!("{}: {}", problem.code, problem.detail));
            }
            Taken::Later(pause) => return Ok(pause),
        }
    }
    Ok(Duration::ZERO)
}

/// Looks at every job that is under way.
async fn look(client: &Client, places: &mut [Place]) -> Result<(), Failure> {
    for place in places {
        let Place::Submitted(now, id, _) = place else {
            continue;
        };
        let (now, id) = (*now, id.clone());
        if let Some(job) = client.job_if_reachable(&id).await? {
            *place = next(&job, now);
        }
    }
    Ok(())
}

/// Where an entry stands whose job is as it is now.
fn next(job: &JobView, now: Try) -> Place {
    match job.state {
        StateName::Finished => Place::Finished,
        StateName::Error | StateName::Abandoned | StateName::Canceled => {
            let code = job.error.as_ref().map(|error| error.code);
            if now.left > 0 && code.is_some_and(worth_another) {
                return Place::Waiting(Try {
                    number: now.number + 1,
                    left: now.left - 1,
                });
            }
            let why = job.error.as_ref().map(ToString::to_string);
            let why = why.unwrap_or_else(|| format!("{} by somebody", job.state));
            Place::Failed(Some(now), why)
        }
        StateName::Pending => Place::Submitted(now, job.id.to_string(), true),
        StateName::Downloading | StateName::Encoding | StateName::Uploading => {
            Place::Submitted(now, job.id.to_string(), false)
        }
    }
}

/// Whether the same job may end better: what passes, and encoders that went away. A job that cannot be is not tried again.
fn worth_another(code: Code) -> bool {
    code.retryable()
        || matches!(
            code,
            Code::AttemptsExhausted
                | Code::Abandoned
                | Code::TimedOut
                | Code::OutOfDisk
                | Code::Internal
        )
}

fn bar(count: usize, output: Output) -> ProgressBar {
    let bar = if output.bars() {
        ProgressBar::new(count as u64)
    } else {
        ProgressBar::hidden()
    };
    let style = ProgressStyle::with_template("{bar:32} {pos}/{len}  {msg}  {elapsed}");
    bar.set_style(style.expect("the template is well formed"));
    bar
}

fn show(bar: &ProgressBar, places: &[Place]) {
    let [finished, failed, queued, encoding] = counts(places);
    bar.set_position((finished + failed) as u64);
    bar.set_message(format!(
        "{queued} queued  {encoding} encoding  {failed} failed"
    ));
}

/// How many are finished, failed, queued, encoding.
fn counts(places: &[Place]) -> [usize; 4] {
    let count = |is: fn(&Place) -> bool| places.iter().filter(|place| is(place)).count();
    [
        count(|place| *place == Place::Finished),
        count(|place| matches!(place, Place::Failed(..))),
        count(|place| matches!(place, Place::Submitted(_, _, true))),
        count(|place| matches!(place, Place::Submitted(_, _, false))),
    ]
}

/// The summary, and what failed. Fails if anything did.
fn conclude(entries: &[Entry], places: &[Place], output: Output) -> Result<(), Failure> {
    let [finished, failed, ..] = counts(places);
    let failures = entries
        .iter()
        .zip(places)
        .filter_map(|(entry, place)| match place {
            Place::Failed(_, why) => Some((entry, why)),
            _ => None,
        });
    if output.json {
        let failures: Vec<_> = failures
            .map(|(entry, why)| json!({"entry": entry.number, "source_path": entry.source(), "error": why}))
            .collect();
        output.json(&json!({"finished": finished, "failed": failed, "failures": failures}))?;
    } else {
        output.data(format!("{finished} finished, {failed} failed"));
        let rows: Vec<_> = failures
            .map(|(entry, why)| vec![entry.number.to_string(), entry.source(), why.clone()])
            .collect();
        if !rows.is_empty() {
            let heading = ["ENTRY", "SOURCE", "ERROR"].map(str::to_owned).to_vec();
            output.data(table(&[vec![heading], rows].concat()));
        }
    }
    if failed == 0 {
        return Ok(());
    }
    let message = format!("{failed} of {} entries failed", entries.len());
    let hint = "mend them and run the batch again: what is finished is not encoded twice";
    Err(Failure::job(message, Some(hint.to_owned())))
}

#[cfg(test)]
mod tests;
