//! Following several jobs at once.

use indicatif::MultiProgress;
use nommer_core::{api::JobView, job::StateName};

use super::{INTERVAL, JobBar, conclude, until_ended};
use crate::{
    client::Client,
    failure::Failure,
    output::{Output, table},
};

/// Most jobs that are followed at once: each is a line on the terminal, and a request every quarter of a second.
const MOST: usize = 50;

/// Follows these jobs until all have ended. Fails unless all ended well.
pub(crate) async fn follow(client: &Client, ids: &[String], output: Output) -> Result<(), Failure> {
    if let [id] = ids {
        let job = until_ended(client, id, output).await?;
        return conclude(&job, output);
    }
    if ids.len() > MOST {
        let message = format!("{} jobs are too many to follow; {MOST} are not", ids.len());
        return Err(Failure::usage(message).hint("`nommer jobs list` shows where they are"));
    }
    let bars = MultiProgress::new();
    let bar = |id: &String| (id.clone(), JobBar::among(&bars, id, output));
    let mut open: Vec<(String, JobBar)> = ids.iter().map(bar).collect();
    let mut ended = Vec::new();
    while !open.is_empty() {
        let mut still = Vec::new();
        for (id, mut bar) in open {
            let job = client.job(&id).await?;
            bar.show(job.state, job.attempts, job.progress.as_ref());
            if job.state.ended() {
                bar.clear();
                ended.push(job);
            } else {
                still.push((id, bar));
            }
        }
        open = still;
        if !open.is_empty() {
            tokio::time::sleep(INTERVAL).await;
        }
    }
    conclude_all(&ended, output)
}

/// The ids of all jobs that have not ended.
pub(crate) async fn unfinished(client: &Client) -> Result<Vec<String>, Failure> {
    let mut ids = Vec::new();
    for state in StateName::ALL.into_iter().filter(|state| !state.ended()) {
        let jobs = client.all_jobs(Some(state)).await?;
        ids.extend(jobs.into_iter().map(|job| job.id.to_string()));
    }
    ids.sort();
    ids.dedup();
    Ok(ids)
}

fn conclude_all(jobs: &[JobView], output: Output) -> Result<(), Failure> {
    let heading = ["ID", "STATE", "RESULT"].map(str::to_owned).to_vec();
    let mut rows = vec![heading];
    for job in jobs {
        if output.json {
            output.json(job)?;
        }
        let result = match (&job.error, job.outputs.first()) {
            (Some(error), _) => error.to_string(),
            (None, Some(made)) => made.url.clone(),
            (None, None) => String::new(),
        };
        rows.push(vec![job.id.to_string(), job.state.to_string(), result]);
    }
    if !output.json && !jobs.is_empty() {
        output.data(table(&rows));
    }
    let bad = jobs.iter().filter(|job| job.state != StateName::Finished);
    match bad.count() {
        0 => Ok(()),
        bad => Err(Failure::job(
            format!("{bad} of {} jobs ended badly", jobs.len()),
            Some("when they are mended: nommer jobs retry --state ERROR".to_owned()),
        )),
    }
}
