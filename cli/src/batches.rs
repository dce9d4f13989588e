//! Batches that the system itself sees to their end: handed over from a list, looked at, followed, canceled.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use nommer_core::{
    api::{BatchView, FailureView},
    batch::{BatchState, MOST_ENTRIES, MOST_TARGET_QUEUE},
    spec::MOST_ATTEMPTS,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    args::{BatchArgs, BatchesCommand},
    batch::input::{self, Entry},
    client::Client,
    failure::Failure,
    jobs::age,
    output::{Output, table},
};

/// Pause between two looks.
const INTERVAL: Duration = Duration::from_millis(500);

/// Hands a list over to the system.
pub(crate) async fn hand_over(
    args: &BatchArgs,
    client: &Client,
    output: Output,
) -> Result<(), Failure> {
    let entries = input::read(args).await?;
    let without = "without --server a batch may be as long and as patient as you like";
    if entries.len() > MOST_ENTRIES {
        let message = format!(
            "{} has {} entries; the system takes {MOST_ENTRIES} at a time",
            args.list,
            entries.len()
        );
        return Err(Failure::usage(message).hint(without));
    }
    if args.target_queue > MOST_TARGET_QUEUE || args.retries >= MOST_ATTEMPTS {
        let message = format!(
            "the system keeps at most {MOST_TARGET_QUEUE} jobs waiting and tries each at most {} times more",
            MOST_ATTEMPTS - 1
        );
        return Err(Failure::usage(message).hint(without));
    }
    let body = request(args, &entries);
    let key = Uuid::new_v4().to_string();
    let batch = client.submit_batch(&body, &key).await?;
    if output.json {
        return Ok(output.json(&batch)?);
    }
    output.data(&batch.id);
    output.note(format!("follow it with: nommer batches watch {}", batch.id));
    Ok(())
}

/// The request for a batch.
fn request(args: &BatchArgs, entries: &[Entry]) -> Value {
    let bodies = entries.iter().map(|entry| entry.body.clone());
    let (shared, own) = hoisted(bodies.collect());
    json!({
        "name": args.list, "job": shared, "entries": own,
        "target_queue": args.target_queue, "retries": args.retries,
    })
}

/// Takes out what all have in common, so that a long list makes a small request.
fn hoisted(bodies: Vec<Value>) -> (Map<String, Value>, Vec<Value>) {
    let first = bodies.first().and_then(Value::as_object);
    let mut shared = first.cloned().unwrap_or_default();
    shared.retain(|field, value| bodies.iter().all(|body| body.get(field) == Some(value)));
    let own = bodies.into_iter().map(|mut body| {
        if let Some(fields) = body.as_object_mut() {
            fields.retain(|field, _| !shared.contains_key(field));
        }
        body
    });
    let own = own.collect();
    (shared, own)
}

pub(crate) async fn run(
    command: &BatchesCommand,
    client: &Client,
    output: Output,
) -> Result<(), Failure> {
    match command {
        BatchesCommand::List { limit } => list(client, output, *limit).await,
        BatchesCommand::Get { id } => {
            let batch = client.batch(id).await?;
            show(&batch, output)
        }
        BatchesCommand::Watch { id } => watch(client, output, id).await,
        BatchesCommand::Cancel { id } => {
            let batch = client.cancel_batch(id).await?;
            if output.json {
                return Ok(output.json(&batch)?);
            }
            output.note(format!("{} is {}", batch.id, word(batch.state)));
            Ok(())
        }
    }
}

async fn list(client: &Client, output: Output, limit: u32) -> Result<(), Failure> {
    let page = client.batches(limit).await?;
    if output.json {
        for batch in &page.data {
            output.json(batch)?;
        }
        return Ok(());
    }
    let heading = ["ID", "STATE", "AGE", "DONE", "FAILED", "NAME"];
    let heading = heading.map(str::to_owned).to_vec();
    let row = |batch: &BatchView| {
        let counts = &batch.counts;
        vec![
            batch.id.to_string(),
            word(batch.state).to_owned(),
            age(batch.created_at),
            format!("{}/{}", ended(batch), counts.entries),
            counts.failed.to_string(),
            batch.name.clone().unwrap_or_default(),
        ]
    };
    let rows = std::iter::once(heading).chain(page.data.iter().map(row));
    output.data(table(&rows.collect::<Vec<_>>()));
    if page.next_cursor.is_some() {
        output.note("there are more: raise --limit");
    }
    Ok(())
}

fn word(state: BatchState) -> &'static str {
    match state {
        BatchState::Running => "RUNNING",
        BatchState::Canceling => "CANCELING",
        BatchState::Finished => "FINISHED",
        BatchState::Canceled => "CANCELED",
    }
}

/// Entries of which nothing more comes.
fn ended(batch: &BatchView) -> u32 {
    let counts = &batch.counts;
    counts.finished + counts.failed + counts.canceled
}

fn show(batch: &BatchView, output: Output) -> Result<(), Failure> {
    if output.json {
        return Ok(output.json(batch)?);
    }
    let counts = &batch.counts;
    output.data(format!("{}  {}", batch.id, word(batch.state)));
    let mut words = vec![
        format!("{} finished", counts.finished),
        format!("{} failed", counts.failed),
    ];
    for (count, what) in [
        (counts.canceled, "canceled"),
        (counts.live, "under way"),
        (counts.waiting, "waiting"),
    ] {
        words.extend((count > 0).then(|| format!("{count} {what}")));
    }
    output.data(words.join(", "));
    if !batch.failures.is_empty() {
        let heading = ["ENTRY", "JOB", "SOURCE", "ERROR"].map(str::to_owned);
        let rows = batch.failures.iter().map(failure);
        let rows: Vec<_> = std::iter::once(heading.to_vec()).chain(rows).collect();
        output.data(table(&rows));
    }
    Ok(())
}

fn failure(failure: &FailureView) -> Vec<String> {
    vec![
        failure.entry.to_string(),
        failure.job_id.to_string(),
        failure.source_path.clone().unwrap_or_default(),
        format!("{}: {}", failure.code.as_str(), failure.message),
    ]
}

/// Follows a batch until it has ended. Fails unless all of it ended well.
async fn watch(client: &Client, output: Output, id: &str) -> Result<(), Failure> {
    let mut batch = client.batch(id).await?;
    let bar = if output.bars() {
        ProgressBar::new(u64::from(batch.counts.entries))
    } else {
        ProgressBar::hidden()
    };
    let style = ProgressStyle::with_template("{bar:32} {pos}/{len}  {msg}  {elapsed}");
    bar.set_style(style.expect("the template is well formed"));
    while batch.finished_at.is_none() {
        let counts = &batch.counts;
        bar.set_position(u64::from(ended(&batch)));
        bar.set_message(format!(
            "{} under way  {} failed",
            counts.live, counts.failed
        ));
        tokio::time::sleep(INTERVAL).await;
        batch = client.batch(id).await?;
    }
    bar.finish_and_clear();
    show(&batch, output)?;
    let counts = &batch.counts;
    if counts.finished == counts.entries {
        return Ok(());
    }
    let bad = counts.entries - counts.finished;
    let message = format!("{bad} of {} entries did not end well", counts.entries);
    let hint = format!(
        "see them with `nommer jobs list --batch {}`; mend them and hand over those again",
        batch.id
    );
    Err(Failure::job(message, Some(hint)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_entries_share_is_said_once() {
        let bodies = vec![
            json!({"source_path": "a", "preset": "copy", "tags": ["x"]}),
            json!({"source_path": "b", "preset": "copy"}),
        ];
        let (shared, own) = hoisted(bodies);
        assert_eq!(Value::Object(shared), json!({"preset": "copy"}));
        assert_eq!(
            own,
            [
                json!({"source_path": "a", "tags": ["x"]}),
                json!({"source_path": "b"})
            ]
        );
    }
}
