//! `nommer jobs`: look at jobs, cancel, retry and delete them.

mod many;

use jiff::Timestamp;
use nommer_core::{
    api::{DeliveryView, JobView},
    lease::elapsed,
};

use serde_json::json;

use crate::{
    args::{BulkArgs, JobsCommand, ListArgs},
    client::Client,
    failure::Failure,
    fleet::usd,
    output::{Output, table},
    watch::{describe, follow, unfinished},
};

pub(crate) async fn run(
    command: &JobsCommand,
    client: &Client,
    output: Output,
) -> Result<(), Failure> {
    match command {
        JobsCommand::List(args) => list(client, output, args).await,
        JobsCommand::Get { id } => get(client, output, id).await,
        JobsCommand::Log { id, tail } => log(client, output, id, *tail).await,
        JobsCommand::Watch { ids, all } => {
            if *all {
                follow(client, &unfinished(client).await?, output).await
            } else {
                follow(client, ids, output).await
            }
        }
        JobsCommand::Retry {
            state: Some(state),
            yes,
            ..
        } => {
            let args = BulkArgs::retry(state, *yes);
            many::bulk(client, output, &args).await
        }
        JobsCommand::Retry { id, .. } => {
            let job = client.retry(id.as_deref().unwrap_or_default()).await?;
            if output.json {
                return Ok(output.json(&job)?);
            }
            output.data(&job.id);
            output.note(format!("follow it with: nommer jobs watch {}", job.id));
            Ok(())
        }
        JobsCommand::Cancel { id } => {
            let job = client.cancel(id).await?;
            if output.json {
                return Ok(output.json(&job)?);
            }
            output.note(format!("{} is {}", job.id, job.state));
            Ok(())
        }
        JobsCommand::Bulk(args) => many::bulk(client, output, args).await,
        JobsCommand::Delete {
            id: Some(id),
            outputs,
            ..
        } => {
            client.delete(id, *outputs).await?;
            output.note(match outputs {
                true => format!("{id} is forgotten, and its outputs are deleted"),
                false => format!("{id} is forgotten"),
            });
            Ok(())
        }
        JobsCommand::Delete {
            id: None,
            outputs,
            yes,
            ..
        } => many::delete_all(client, output, *outputs, *yes).await,
    }
}

async fn get(client: &Client, output: Output, id: &str) -> Result<(), Failure> {
    let job = client.job(id).await?;
    if output.json {
        return Ok(output.json(&job)?);
    }
    output.data(page(&job));
    for delivery in client.deliveries(&[("job_id", id.to_owned())]).await?.data {
        output.data(told(&delivery));
    }
    Ok(())
}

async fn log(client: &Client, output: Output, id: &str, lines: u32) -> Result<(), Failure> {
    let text = client.log(id, lines).await?;
    if output.json {
        return Ok(output.json(&json!({"log": text}))?);
    }
    output.data(text.trim_end());
    Ok(())
}

async fn list(client: &Client, output: Output, args: &ListArgs) -> Result<(), Failure> {
    let (jobs, more) = client.first_jobs(args.limit, &args.query()).await?;
    if output.json {
        for job in &jobs {
            output.json(job)?;
        }
        return Ok(());
    }
    let heading = ["ID", "STATE", "%", "AGE", "TRIES", "SOURCE", "ERROR"]
        .map(str::to_owned)
        .to_vec();
    let rows: Vec<_> = std::iter::once(heading)
        .chain(jobs.iter().map(row))
        .collect();
    output.data(table(&rows));
    if more {
        output.note("there are more: raise --limit");
    }
    let bad = args
        .state
        .as_deref()
        .filter(|state| state.eq_ignore_ascii_case("error"));
    if bad.is_some() && !jobs.is_empty() {
        let count = match jobs.len() {
            1 => "1 job".to_owned(),
            count => format!("{count} jobs"),
        };
        output.note(format!(
            "{count} · retry all: nommer jobs retry --state ERROR"
        ));
    }
    Ok(())
}

fn row(job: &JobView) -> Vec<String> {
    let percent = job
        .progress
        .as_ref()
        .map(|progress| format!("{:.0}", progress.percent));
    vec![
        job.id.to_string(),
        job.state.to_string(),
        percent.unwrap_or_default(),
        age(job.created_at),
        job.attempts.to_string(),
        job.source_path.clone(),
        job.error
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
    ]
}

/// How long ago, in the one unit that says most.
pub(crate) fn age(since: Timestamp) -> String {
    in_one_unit(elapsed(Timestamp::now(), since).as_secs())
}

/// A time in the one unit that says most.
pub(crate) fn in_one_unit(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// All of one job, for people.
fn page(job: &JobView) -> String {
    let mut lines = vec![
        format!("{}  {}", job.id, job.state),
        format!("source       {}", job.source_path),
        format!("destination  {}", job.dest_path),
        format!(
            "submitted    {}  ({} ago)",
            job.created_at,
            age(job.created_at)
        ),
        format!("attempts     {}", job.attempts),
        format!("cost         {}", usd(job.cost.usd)),
    ];
    lines.extend(
        job.outputs
            .iter()
            .map(|output| format!("output       {}", describe(output, None))),
    );
    lines.extend(
        job.error
            .iter()
            .map(|error| format!("error        {error}")),
    );
    lines.extend(
        job.error
            .iter()
            .filter_map(|error| error.hint.as_ref())
            .map(|hint| format!("hint         {hint}")),
    );
    lines.extend(
        job.warnings
            .iter()
            .map(|warning| format!("warning      {} ({})", warning.detail, warning.code)),
    );
    lines.extend(
        job.resolved
            .passes
            .iter()
            .map(|argv| format!("ran          {}", argv.join(" "))),
    );
    for event in &job.events {
        let details = event.details.as_deref().unwrap_or("");
        lines.push(
            format!(
                "{:>4}  {}  {:11}  {details}",
                event.sequence, event.at, event.state
            )
            .trim_end()
            .to_owned(),
        );
    }
    lines.join("\n")
}

/// `notified     FINISHED  delivered  1 attempt, HTTP 200`
fn told(delivery: &DeliveryView) -> String {
    let told = &delivery.inner;
    let status = told.last_answer.as_ref().and_then(|answer| answer.status);
    let status = status.map_or_else(
        || "no answer yet".to_owned(),
        |status| format!("HTTP {status}"),
    );
    let outcome = format!("{:?}", told.status).to_lowercase();
    format!(
        "notified     {:11}  {outcome}  {} attempts, {status}",
        told.state, told.attempts
    )
}
