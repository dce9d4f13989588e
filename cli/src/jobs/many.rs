//! What is done to many jobs at once. Asks before, where there is a person to ask.

use std::io::{IsTerminal, stdin};

use serde_json::json;

use crate::{args::BulkArgs, client::Client, failure::Failure, output::Output};

/// Does one thing to all jobs that a filter finds, page after page.
pub(super) async fn bulk(client: &Client, output: Output, args: &BulkArgs) -> Result<(), Failure> {
    let (action, mut filter) = (args.action.as_str(), args.filter());
    if !args.yes && !confirmed(output, &format!("{action} all jobs that the filter finds?"))? {
        return Err(Failure::usage("nothing was done"));
    }
    let (mut matched, mut done, mut refused) = (0, 0, Vec::new());
    loop {
        let mut request = json!({"action": action, "filter": filter});
        if args.outputs {
            request["delete_outputs"] = json!(true);
        }
        let page = client.bulk(&request).await?;
        matched += page.matched;
        done += page.done;
        refused.extend(page.refused);
        let Some(cursor) = page.next_cursor else {
            break;
        };
        filter["cursor"] = json!(cursor);
    }
    if output.json {
        let view = json!({"matched": matched, "done": done, "refused": refused});
        return Ok(output.json(&view)?);
    }
    for one in &refused {
        output.note(format!("{}: {}", one.id, one.detail));
    }
    output.data(format!("{action}: {done} of {matched} jobs"));
    Ok(())
}

pub(super) async fn delete_all(
    client: &Client,
    output: Output,
    with_outputs: bool,
    yes: bool,
) -> Result<(), Failure> {
    let question = if with_outputs {
        "Delete every job and all that they published, and cancel those that have not ended?"
    } else {
        "Delete every job, and cancel those that have not ended?"
    };
    if !yes && !confirmed(output, question)? {
        return Err(Failure::usage("nothing was deleted"));
    }
    let jobs = client.all_jobs(None).await?;
    for job in jobs.iter().filter(|job| !job.state.ended()) {
        client.cancel(job.id.as_str()).await?;
    }
    for job in &jobs {
        client.delete(job.id.as_str(), with_outputs).await?;
    }
    if output.json {
        return Ok(output.json(&serde_json::json!({"deleted": jobs.len()}))?);
    }
    let outputs = if with_outputs { "are deleted" } else { "stay" };
    output.note(format!(
        "{} jobs are forgotten; their outputs {outputs}",
        jobs.len()
    ));
    Ok(())
}

fn confirmed(output: Output, question: &str) -> Result<bool, Failure> {
    if !stdin().is_terminal() {
        return Err(Failure::usage("this changes many jobs").hint("add --yes"));
    }
    output.note(format!("{question} Type yes:"));
    let mut answer = String::new();
    stdin()
        .read_line(&mut answer)
        .map_err(anyhow::Error::from)?;
    Ok(answer.trim() == "yes")
}
