//! Fills a data folder with jobs that have ended, for benchmarks of lists: `fill FOLDER COUNT`.
//!
//! Their ids have one millisecond each, from the first of 2026 on. One of fifty failed; a hundred after each other have one external id.

use std::{env, error::Error, path::Path, sync::Arc};

use jiff::{Timestamp, ToSpan as _};
use nommer_core::{
    error::{Code, JobError},
    id::JobId,
    job::{Job, JobState, Output},
    ports::{Backend as _, JobStore as _},
    sealed::SealedSecrets,
    spec::{JobSpec, SpecRules, parse_v1},
};
use nommer_local::Local;
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

/// Writes at once: as many as one transaction takes.
const AT_ONCE: usize = 256;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let (Some(folder), Some(count)) = (args.next(), args.next()) else {
        return Err("give a folder and a count".into());
    };
    let local = Arc::new(Local::open(Path::new(&folder))?);
    let begin: Timestamp = "2026-01-01T00:00:00Z".parse()?;
    let mut writes = JoinSet::new();
    for number in 0..count.parse::<i64>()? {
        if writes.len() >= AT_ONCE
            && let Some(written) = writes.join_next().await
        {
            written?;
        }
        let (local, job) = (
            Arc::clone(&local),
            job(number, begin + number.milliseconds())?,
        );
        writes.spawn(async move {
            let created = local.store().create(&job, None).await;
            created.expect("the table takes the job");
        });
    }
    while let Some(written) = writes.join_next().await {
        written?;
    }
    Ok(())
}

/// A job that has ended.
fn job(number: i64, at: Timestamp) -> Result<Job, Box<dyn Error>> {
    let millis = u128::try_from(at.as_millisecond())?;
    let id = JobId::from_uuid(Uuid::from_u128(millis << 80 | 7 << 76));
    let mut job = Job::new(id, spec(number)?, SealedSecrets::default(), at);
    job.state = if number % 50 == 0 {
        JobState::Error(JobError::new(
            Code::EncoderFailed,
            "FFmpeg ended with an error",
        ))
    } else {
        JobState::Finished
    };
    job.attempts = 1;
    (job.started_at, job.ended_at) = (Some(at), Some(at));
    let mut change = job.history.first().cloned().ok_or("a job has a history")?;
    for _ in 0..4 {
        change.sequence += 1;
        change.state = job.state.name();
        job.history.push(change.clone());
    }
    job.sequence = change.sequence;
    let argv = "ffmpeg -nostdin -y -hide_banner -i input.mov -map 0:v:0 -map 0:a:0 -c:v libx264 -preset medium -crf 22 -c:a aac -b:a 128k out.mp4";
    job.report.resolved = vec![argv.split(' ').map(ToOwned::to_owned).collect()];
    job.outputs = vec![Output {
        url: format!("s3://out-bucket/talk-{number}.mp4"),
        bytes: 12_345_678,
        duration: Some(61.5),
        width: Some(1_280),
        height: Some(720),
        video_codec: Some("h264".to_owned()),
        audio_codec: Some("aac".to_owned()),
        ..Output::default()
    }];
    Ok(job)
}

fn spec(number: i64) -> Result<JobSpec, Box<dyn Error>> {
    let body = json!({
        "source_path": format!("s3://in-bucket/talk-{number}.mov"),
        "dest_path": format!("s3://out-bucket/talk-{number}.mp4"),
        "preset": "web-mp4-720p",
        "external_id": format!("order-{}", number / 100),
        "metadata": {"customer": format!("c-{}", number % 97), "title": "A talk that was given on a Tuesday"},
    });
    Ok(parse_v1(&body, &SpecRules::default())?.spec)
}
