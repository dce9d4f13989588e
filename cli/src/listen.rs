//! `nommer listen`: forwards what becomes of jobs to an address of this machine. It asks the system, so nothing needs to reach this machine
//! from outside and nothing of it stays in the system.
//!
//! A job's timeline is the truth: each of its changes has a number, and what was told is remembered by it. Jobs that end while nobody
//! looks are told all the same, because their timelines stay.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use nommer_core::{
    api::JobView,
    id::JobId,
    job::StateName,
    notify::{About, EventName, Notification},
};
use serde_json::json;

use crate::{
    args::ListenArgs, client::Client, failure::Failure, forward::Forwarder, output::Output,
};

/// Pause between two looks at a system on this machine, and at a stack, where looks cost money.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_OF_STACK: Duration = Duration::from_secs(2);

/// How far back the list of new jobs is read: an index may lag behind, and ids are made by many clocks.
const OVERLAP: Duration = Duration::from_secs(60);

/// Up to so many jobs are looked at one by one, more by their lists.
const FEW: usize = 8;

/// The states of jobs that have not ended.
const UNFINISHED: [StateName; 4] = [
    StateName::Pending,
    StateName::Downloading,
    StateName::Encoding,
    StateName::Uploading,
];

pub(crate) async fn run(args: &ListenArgs, client: &Client, output: Output) -> Result<(), Failure> {
    let forwarder = Forwarder::new(&args.forward_to)?;
    let wanted = match &args.events {
        Some(events) => events.iter().copied().collect(),
        None => EventName::by_default(),
    };
    let mut timelines = Timelines::read(client).await?;
    if output.json {
        let ready = json!({"forward_to": forwarder.url().as_str(), "secret": forwarder.secret()});
        output.json(&ready)?;
    } else {
        output.data(format!("signing secret  {}", forwarder.secret()));
        output.note(format!("forwarding to {}; Ctrl-C ends it", forwarder.url()));
    }
    let forwarding = async {
        loop {
            match timelines.news(client).await {
                Ok(jobs) => {
                    for job in &jobs {
                        tell(&mut timelines, job, &wanted, &forwarder, output).await?;
                    }
                }
                Err(failure) => output.note(format!("{failure}; trying again")),
            }
            let pause = if client.is_stack() {
                PAUSE_OF_STACK
            } else {
                PAUSE
            };
            tokio::time::sleep(pause).await;
        }
    };
    tokio::select! {
        ended = forwarding => ended,
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

/// Forwards what is new in a job's timeline.
async fn tell(
    timelines: &mut Timelines,
    job: &JobView,
    wanted: &BTreeSet<EventName>,
    forwarder: &Forwarder,
    output: Output,
) -> Result<(), Failure> {
    let told = timelines.told(&job.id);
    let about = About::view(job);
    for change in job.events.iter().filter(|one| one.sequence > told) {
        let event = Notification::of_change(job.id.clone(), change);
        if wanted.contains(&event.event()) {
            forwarder.send(&event, &about).await.print(output)?;
        }
        timelines.note(job, change.sequence);
    }
    timelines.note(job, job.sequence);
    Ok(())
}

/// What is known of jobs: how far each was told, and which have not ended.
#[derive(Debug)]
struct Timelines {
    told: BTreeMap<JobId, u64>,
    unfinished: BTreeSet<JobId>,
    /// The time of the newest job.
    newest: Timestamp,
}

impl Timelines {
    /// Takes in what is there already; nothing of it is told.
    async fn read(client: &Client) -> Result<Self, Failure> {
        let mut known = Self {
            told: BTreeMap::new(),
            unfinished: BTreeSet::new(),
            newest: Timestamp::now(),
        };
        let latest = client.jobs(&[("limit", "1".to_owned())]).await?.data;
        // The system's clock, not this machine's.
        if let Some(job) = latest.first() {
            known.newest = job.created_at;
        }
        let mut there = known.new_jobs(client).await?;
        for state in UNFINISHED {
            there.extend(client.all_jobs(Some(state)).await?);
        }
        for job in &there {
            known.note(job, job.sequence);
        }
        Ok(known)
    }

    /// Jobs of which there may be news.
    async fn news(&mut self, client: &Client) -> Result<Vec<JobView>, Failure> {
        let mut jobs = self.new_jobs(client).await?;
        let mut missing = self.unfinished.clone();
        for job in &jobs {
            missing.remove(&job.id);
            self.newest = self.newest.max(job.created_at);
        }
        if missing.len() > FEW {
            for state in UNFINISHED {
                let listed = client.all_jobs(Some(state)).await?;
                jobs.extend(listed.into_iter().filter(|job| missing.remove(&job.id)));
            }
        }
        // Those that ended since, or were on their way from one list to the next.
        for id in missing {
            match client.job_if_there(id.as_str()).await? {
                Some(job) => jobs.push(job),
                None => {
                    self.unfinished.remove(&id);
                }
            }
        }
        jobs.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(jobs)
    }

    /// Jobs that were submitted lately, with some that are known.
    async fn new_jobs(&self, client: &Client) -> Result<Vec<JobView>, Failure> {
        let since = self.newest.checked_sub(OVERLAP).unwrap_or(Timestamp::MIN);
        let (mut jobs, mut cursor) = (Vec::new(), None);
        loop {
            let mut query = vec![
                ("limit", "100".to_owned()),
                ("created_after", since.to_string()),
            ];
            query.extend(cursor.map(|cursor| ("cursor", cursor)));
            let page = client.jobs(&query).await?;
            jobs.extend(page.data);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(jobs);
            }
        }
    }

    fn told(&self, id: &JobId) -> u64 {
        self.told.get(id).copied().unwrap_or(0)
    }

    fn note(&mut self, job: &JobView, sequence: u64) {
        let told = self.told.entry(job.id.clone()).or_default();
        *told = sequence.max(*told);
        if job.state.ended() && *told >= job.sequence {
            self.unfinished.remove(&job.id);
        } else {
            self.unfinished.insert(job.id.clone());
        }
    }
}
