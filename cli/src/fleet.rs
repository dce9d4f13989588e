//! `nommer fleet`: what the fleet does and why, what it costs; pause, resume, drain.

use nommer_core::api::{EncoderState, EncoderView, FleetState, FleetView};

use crate::{
    args::FleetCommand,
    client::Client,
    failure::Failure,
    jobs::in_one_unit,
    output::{Output, table},
};

pub(crate) async fn run(
    command: Option<&FleetCommand>,
    client: &Client,
    output: Output,
) -> Result<(), Failure> {
    match command.unwrap_or(&FleetCommand::Status) {
        FleetCommand::Status => show(&client.fleet().await?, output),
        FleetCommand::Pause { minutes } => {
            let fleet = client.pause(*minutes).await?;
            output.note("no more launches; encoders finish the jobs they have and end");
            show(&fleet, output)
        }
        FleetCommand::Resume => show(&client.resume().await?, output),
        FleetCommand::Drain { id: Some(id), .. } => drained(&client.drain(id).await?, output),
        FleetCommand::Drain { id: None, .. } => drain_all(client, output).await,
    }
}

/// One that ends by itself meanwhile is what was wanted.
async fn drain_all(client: &Client, output: Output) -> Result<(), Failure> {
    for encoder in client.fleet().await?.instances {
        match encoder.state {
            EncoderState::Ready | EncoderState::Busy => {
                drained(&client.drain(&encoder.id).await?, output)?;
            }
            EncoderState::Booting | EncoderState::Draining | EncoderState::Gone => {}
        }
    }
    Ok(())
}

fn drained(encoder: &EncoderView, output: Output) -> Result<(), Failure> {
    if output.json {
        return Ok(output.json(encoder)?);
    }
    let jobs = encoder.jobs.len();
    output.note(format!(
        "{} finishes its {jobs} jobs, takes no more and ends",
        encoder.id
    ));
    Ok(())
}

fn show(fleet: &FleetView, output: Output) -> Result<(), Failure> {
    if output.json {
        return Ok(output.json(fleet)?);
    }
    output.data(page(fleet));
    Ok(())
}

fn page(fleet: &FleetView) -> String {
    let state = match fleet.state {
        FleetState::Active => "active".to_owned(),
        FleetState::Paused => match fleet.paused_until {
            Some(until) => format!("paused until {until}"),
            None => "paused; `nommer fleet resume` ends it".to_owned(),
        },
        FleetState::OverBudget => "over budget: no launches, what runs goes on".to_owned(),
        FleetState::Disabled => "launches are off (fleet.enabled)".to_owned(),
    };
    let decision = fleet.last_decision.as_ref().map_or_else(
        || "none yet".to_owned(),
        |decision| {
            format!(
                "{} ({})",
                decision.reason,
                decision.at.strftime("%Y-%m-%d %H:%M:%S UTC")
            )
        },
    );
    let budget = match fleet.budget.monthly_usd {
        Some(limit) => format!("{limit:.2} USD a month"),
        None => "none".to_owned(),
    };
    let mut lines = vec![
        format!("state     {state}"),
        format!("decision  {decision}"),
        format!(
            "size      {} to {}, {} jobs each",
            fleet.min, fleet.max, fleet.jobs_per_instance
        ),
        format!(
            "cost      {} this month, budget {budget}",
            usd(fleet.month_to_date_usd)
        ),
    ];
    if !fleet.instances.is_empty() {
        lines.push(String::new());
        lines.push(instances(&fleet.instances));
    }
    lines.join("\n")
}

fn instances(encoders: &[EncoderView]) -> String {
    let heading = ["ENCODER", "STATE", "JOBS", "TYPE", "AGE", "HEARD", "COST"];
    let heading = heading.map(str::to_owned).to_vec();
    let rows: Vec<_> = std::iter::once(heading)
        .chain(encoders.iter().map(row))
        .collect();
    table(&rows)
}

fn row(encoder: &EncoderView) -> Vec<String> {
    let state = match encoder.state {
        EncoderState::Booting => "booting",
        EncoderState::Ready => "ready",
        EncoderState::Busy => "busy",
        EncoderState::Draining => "draining",
        EncoderState::Gone => "gone",
    };
    let slots = encoder
        .slots
        .map_or_else(|| "?".to_owned(), |slots| slots.to_string());
    vec![
        encoder.id.clone(),
        state.to_owned(),
        format!("{}/{slots}", encoder.jobs.len()),
        encoder
            .instance_type
            .clone()
            .unwrap_or_else(|| "?".to_owned()),
        in_one_unit(encoder.age_seconds),
        encoder
            .heard_seconds
            .map_or_else(|| "never".to_owned(), in_one_unit),
        usd(encoder.cost_usd),
    ]
}

/// An amount of US dollars, with as many digits as small ones need. One that is not known is not nothing.
pub(crate) fn usd(amount: Option<f64>) -> String {
    match amount {
        Some(usd) => format!("{usd:.4} USD"),
        None => "unknown".to_owned(),
    }
}
