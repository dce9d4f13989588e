//! From records and rows to what the planner looks at, and to what the fleet's record keeps. Reads nothing and writes nothing.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use nommer_core::{
    fleet::{
        FleetRecord, FleetSettings, InstanceState as Seen, InstanceView, Money, Observation,
        Reservation, SeenInstance, remaining_work, waiting_job,
    },
    id::{InstanceId, JobId},
    instance::{Instance, InstanceState},
    job::JobOutline,
    lease::later,
    money::{Billed, WorkAverage},
    ports::Machine,
    settings::Settings,
};

/// What runs, by the listing; and what ran, by the table: an instance that has a row and is not listed has ended.
pub(crate) fn seen(
    record: &FleetRecord,
    machines: &[Machine],
    instances: &[Instance],
) -> Vec<SeenInstance> {
    let reported = |id: &InstanceId| instances.iter().any(|instance| instance.id == *id);
    let listed = |id: &InstanceId| machines.iter().any(|machine| machine.id == *id);
    let running = machines.iter().map(|machine| SeenInstance {
        id: machine.id.clone(),
        token: Some(machine.token.clone()),
        alive: true,
        reported: reported(&machine.id),
    });
    let places = record.reservations.iter();
    let heard = places.filter_map(|place| Some((place.instance()?, place.has_reported())));
    let ended = heard
        .filter(|(id, known)| (*known || reported(id)) && !listed(id))
        .map(|(id, _)| SeenInstance {
            id: id.clone(),
            token: None,
            alive: false,
            reported: true,
        });
    running.chain(ended).collect()
}

/// Takes into the record what the rows tell: what instances have cost, and how long jobs take.
pub(crate) fn learn(
    record: &mut FleetRecord,
    instances: &[Instance],
    settings: &Settings,
    now: Timestamp,
) {
    let billed = billed(record, instances, settings, now);
    record.spend.meter(&billed, now);
    let work = WorkAverage::merged(instances.iter().filter_map(|instance| instance.work));
    record.work = work.or(record.work);
}

/// The instances and the times for which they are billed: from a little after their launch until now, or until they ended.
fn billed(
    record: &FleetRecord,
    instances: &[Instance],
    settings: &Settings,
    now: Timestamp,
) -> Vec<Billed> {
    let prices = &settings.prices;
    let unbilled = settings
        .fleet
        .boot_time
        .saturating_sub(settings.fleet.billed_boot);
    let place = |id: &InstanceId| {
        let mut places = record.reservations.iter();
        places.find(|place| place.instance() == Some(id))
    };
    let rows = instances.iter().map(|row| Billed {
        from: place(&row.id).map_or(row.started_at, |place| {
            later(place.since, unbilled).min(row.started_at)
        }),
        until: match row.state {
            InstanceState::Gone => row.beat_at,
            InstanceState::Ready | InstanceState::Draining => now,
        },
        usd_per_hour: prices.hourly_of(row.instance_type.as_deref(), row.market),
    });
    let known = |id: &InstanceId| instances.iter().any(|row| row.id == *id);
    let booting = record
        .reservations
        .iter()
        .filter(|place| place.instance().is_some_and(|id| !known(id)))
        .map(|place| Billed {
            from: later(place.since, unbilled),
            until: now,
            usd_per_hour: prices.expected(),
        });
    rows.chain(booting).collect()
}

pub(crate) fn observe(
    record: &FleetRecord,
    instances: &[Instance],
    jobs: &[JobOutline],
    settings: &Settings,
    now: Timestamp,
) -> Observation {
    let average = record.work.as_ref();
    let running: BTreeMap<&JobId, Option<Duration>> = jobs
        .iter()
        .filter(|job| job.state.lease().is_some())
        .map(|job| (&job.id, remaining_work(job, average, now)))
        .collect();
    let waiting = jobs.iter().filter_map(|job| waiting_job(job, average, now));
    let places = record.reservations.iter();
    Observation {
        waiting: waiting.collect(),
        instances: places
            .map(|place| view(place, instances, &running, &settings.fleet))
            .collect(),
        average_work: average.and_then(WorkAverage::mean),
        money: Money {
            budget: settings.budget,
            month_to_date_usd: record.spend.month_to_date_usd(now),
            instance_hour_usd: settings.prices.expected(),
        },
        hold: record.hold(now),
    }
}

/// A place in the fleet as the planner sees it.
fn view(
    place: &Reservation,
    instances: &[Instance],
    running: &BTreeMap<&JobId, Option<Duration>>,
    settings: &FleetSettings,
) -> InstanceView {
    let row = place
        .instance()
        .and_then(|id| instances.iter().find(|instance| instance.id == *id));
    let (state, job_slots, jobs) = match row {
        Some(row) => {
            let state = match row.state {
                InstanceState::Ready if !row.drain_requested => Seen::Ready,
                InstanceState::Ready | InstanceState::Draining | InstanceState::Gone => {
                    Seen::Draining
                }
            };
            let rest = |id| running.get(id).copied().flatten();
            (state, row.slots, row.jobs.iter().map(rest).collect())
        }
        // It has reported and its row says that it is gone: it is on its way out.
        None if place.has_reported() => (Seen::Draining, 0, Vec::new()),
        None => (
            Seen::Booting { since: place.since },
            settings.jobs_per_instance,
            Vec::new(),
        ),
    };
    InstanceView {
        state,
        job_slots,
        jobs,
    }
}
