//! `nommer simulate`: what each fleet policy would have cost, and how long jobs would have waited, in virtual time.

use std::path::Path;

use anyhow::Context as _;
use nommer_core::{
    fleet::FleetSettings,
    simulate::{
        Arrival, Contender, Outcome, Summary, Workload, World, parse_trace, plot_svg, render_table,
        simulate,
    },
};

use crate::{args::SimulateArgs, failure::Failure, output::Output};

/// Most instances that a simulated fleet may have: enough that no policy is held back by it.
const FLEET: u32 = 1_000;

pub(crate) fn run(args: &SimulateArgs, output: Output) -> Result<(), Failure> {
    let settings = FleetSettings {
        max: FLEET,
        launch_limit: FLEET,
        jobs_per_instance: args.jobs_per_instance,
        ..FleetSettings::default()
    };
    settings
        .validate()
        .map_err(|error| Failure::usage(error.to_string()))?;
    let world = World::matching(&settings);
    let contenders = Contender::all(&settings);
    for (name, days) in days(args)? {
        let rows: Vec<Summary> = contenders
            .iter()
            .map(|(policy, contender)| Summary::of(policy, &days, &world, contender))
            .collect();
        if output.json {
            for row in &rows {
                output.json(&serde_json::json!({
                    "workload": name, "policy": row.name, "seeds": days.len(), "cost_over_work": row.cost_over_work,
                    "cost_over_zero_wait": row.cost_over_zero_wait, "p50_wait_secs": row.p50_secs,
                    "p95_wait_secs": row.p95_secs, "peak_instances": row.peak, "launches": row.launches,
                }))?;
            }
        } else {
            output.data(render_table(&name, &rows));
        }
        if let (Some(file), Some(day)) = (&args.svg, days.first()) {
            plot(
                &file.with_file_name(plot_name(file, &name)),
                &name,
                day,
                &world,
                &contenders,
            )?;
        }
    }
    if !output.json {
        output.note("cost/work: 1 is what the work alone would cost. All but backlog and threshold are models of other systems.");
    }
    Ok(())
}

/// Days of one kind, by the kind's name.
type Days = (String, Vec<Vec<Arrival>>);

/// The days to run through: the trace of the user, or generated ones.
fn days(args: &SimulateArgs) -> Result<Vec<Days>, Failure> {
    if let Some(file) = &args.trace {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
        let trace = parse_trace(&text)
            .map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
        return Ok(vec![("trace".to_owned(), vec![trace])]);
    }
    let names = Workload::ALL.map(|(name, _)| name).join(", ");
    let chosen: Vec<_> = Workload::ALL
        .into_iter()
        .filter(|(name, _)| {
            args.workload
                .as_deref()
                .is_none_or(|wanted| wanted == *name)
        })
        .map(|(name, workload)| {
            (
                name.to_owned(),
                (0..args.seeds)
                    .map(|seed| workload.generate(seed))
                    .collect(),
            )
        })
        .collect();
    if chosen.is_empty() {
        return Err(
            Failure::usage("there is no such workload").hint(format!("workloads are {names}"))
        );
    }
    Ok(chosen)
}

fn plot_name(file: &Path, workload: &str) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    format!("{stem}-{workload}.svg")
}

fn plot(
    file: &Path,
    title: &str,
    day: &[Arrival],
    world: &World,
    contenders: &[(&'static str, Contender)],
) -> Result<(), Failure> {
    let outcomes: Vec<(&str, Outcome)> = contenders
        .iter()
        .map(|(name, contender)| (*name, simulate(day, world, contender)))
        .collect();
    let lines: Vec<(&str, &Outcome)> = outcomes
        .iter()
        .map(|(name, outcome)| (*name, outcome))
        .collect();
    std::fs::write(file, plot_svg(title, &lines))
        .with_context(|| format!("write {}", file.display()))?;
    Ok(())
}
