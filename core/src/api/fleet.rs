//! What `/v1` shows of the fleet and of money. Additive changes only.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    fleet::{Budget, Decision, FleetRecord, Money, Reservation},
    id::JobId,
    instance::{Instance, InstanceState},
    lease::elapsed,
    money::{Market, list_date, usd_for},
    settings::Settings,
};

/// For how long an instance that ended is still shown.
pub const GONE_SHOWN: Duration = Duration::from_mins(10);

/// What a job has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CostView {
    /// US dollars so far, all attempts; null if a price is not known.
    pub usd: Option<f64>,
    /// The most that it may cost.
    pub max_usd: Option<f64>,
}

/// What a job would cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Estimate {
    /// US dollars; null if it cannot be told.
    pub usd: Option<f64>,
    /// Seconds on one job slot; null if it cannot be told.
    pub seconds: Option<f64>,
    /// What it was reckoned from, in words.
    pub basis: String,
}

/// Whether the fleet may grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum FleetState {
    /// As work asks for.
    Active,
    /// No launches, and encoders take no more jobs.
    Paused,
    /// No launches until the month is over or the budget is raised.
    OverBudget,
    /// No launches: `fleet.enabled` is false.
    Disabled,
}

/// Where an instance is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum EncoderState {
    /// Launched or about to be, and not heard of yet.
    Booting,
    /// Waits for jobs.
    Ready,
    /// Works, and takes more if it has a free slot.
    Busy,
    /// Takes no more jobs and will end.
    Draining,
    /// Ended.
    Gone,
}

/// One instance as callers see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EncoderView {
    /// Its name; that of its launch until it has one.
    pub id: String,
    /// Where it is in its life.
    pub state: EncoderState,
    /// Jobs that it does at a time; null before it is heard of.
    pub slots: Option<u32>,
    /// What it works on.
    pub jobs: Vec<JobId>,
    /// The kind of machine, if known.
    pub instance_type: Option<String>,
    /// How it was bought, if known.
    pub market: Option<Market>,
    /// Seconds since it began to boot, or since its daemon started; until its end, if it is gone.
    pub age_seconds: u64,
    /// Seconds since its last heartbeat; null before the first.
    pub heard_seconds: Option<u64>,
    /// Its price in US dollars; null if it is not known.
    pub usd_per_hour: Option<f64>,
    /// What it has cost in that time, in US dollars; null if the price is not known.
    pub cost_usd: Option<f64>,
}

/// The whole fleet as callers see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FleetView {
    /// Whether it may grow.
    pub state: FleetState,
    /// The end of a pause that has one.
    pub paused_until: Option<Timestamp>,
    /// How demand is computed: `fleet.policy`.
    pub policy: crate::fleet::Policy,
    /// Instances kept without work: `fleet.min`.
    pub min: u32,
    /// Instances in total at most: `fleet.max`.
    pub max: u32,
    /// Jobs of an instance at a time: `fleet.jobs_per_instance`.
    pub jobs_per_instance: u32,
    /// What scale decided last, and why.
    pub last_decision: Option<Decision>,
    /// Its instances.
    pub instances: Vec<EncoderView>,
    /// US dollars since the month (UTC) began; null if a price is not known.
    pub month_to_date_usd: Option<f64>,
    /// The guard on money.
    pub budget: Budget,
    /// The day of the price list.
    pub prices_of: String,
    /// Mean seconds of recent jobs on one job slot.
    pub average_job_seconds: Option<f64>,
}

impl FleetView {
    /// The fleet at `now`, from its record and rows.
    pub fn new(
        record: &FleetRecord,
        rows: &[Instance],
        settings: &Settings,
        now: Timestamp,
    ) -> Self {
        let month_to_date_usd = record.spend.month_to_date_usd(now);
        let money = Money {
            budget: settings.budget,
            month_to_date_usd,
            instance_hour_usd: settings.prices.expected(),
        };
        let state = if record.paused(now).is_some() {
            FleetState::Paused
        } else if !settings.fleet.enabled {
            FleetState::Disabled
        } else if money.is_spent() {
            FleetState::OverBudget
        } else {
            FleetState::Active
        };
        Self {
            state,
            paused_until: record.paused(now).filter(|&until| until < Timestamp::MAX),
            policy: settings.fleet.policy,
            min: settings.fleet.min,
            max: settings.fleet.max,
            jobs_per_instance: settings.fleet.jobs_per_instance,
            last_decision: record.last_decision.clone(),
            instances: EncoderView::all(record, rows, settings, now),
            month_to_date_usd,
            budget: settings.budget,
            prices_of: list_date().to_owned(),
            average_job_seconds: record.work.map(|work| work.seconds),
        }
    }
}

impl EncoderView {
    /// Every instance: those that were heard of, then those that boot.
    pub fn all(
        record: &FleetRecord,
        rows: &[Instance],
        settings: &Settings,
        now: Timestamp,
    ) -> Vec<Self> {
        let heard = rows.iter().map(|row| Self::of(row, settings, now));
        let unheard = |place: &&Reservation| {
            !place.has_reported() && rows.iter().all(|row| Some(&row.id) != place.instance())
        };
        let places = record.reservations.iter().filter(unheard);
        heard
            .chain(places.map(|place| Self::booting(place, settings, now)))
            .collect()
    }

    /// An instance that was heard of.
    pub fn of(row: &Instance, settings: &Settings, now: Timestamp) -> Self {
        let state = match row.state {
            InstanceState::Gone => EncoderState::Gone,
            InstanceState::Draining => EncoderState::Draining,
            InstanceState::Ready if row.drain_requested => EncoderState::Draining,
            InstanceState::Ready if row.jobs.is_empty() => EncoderState::Ready,
            InstanceState::Ready => EncoderState::Busy,
        };
        let until = if state == EncoderState::Gone {
            row.beat_at
        } else {
            now
        };
        let age = elapsed(until, row.started_at);
        let hourly = settings
            .prices
            .hourly_of(row.instance_type.as_deref(), row.market);
        Self {
            id: row.id.to_string(),
            state,
            slots: Some(row.slots),
            jobs: row.jobs.clone(),
            instance_type: row.instance_type.clone(),
            market: row.market,
            age_seconds: age.as_secs(),
            heard_seconds: Some(elapsed(now, row.beat_at).as_secs()),
            usd_per_hour: hourly,
            cost_usd: hourly.map(|usd| usd_for(age, usd)),
        }
    }

    fn booting(place: &Reservation, settings: &Settings, now: Timestamp) -> Self {
        let age = elapsed(now, place.since);
        let hourly = settings.prices.expected();
        let name = place.instance().map(ToString::to_string);
        Self {
            id: name.unwrap_or_else(|| format!("launch {}", place.token)),
            state: EncoderState::Booting,
            slots: None,
            jobs: Vec::new(),
            instance_type: None,
            market: None,
            age_seconds: age.as_secs(),
            heard_seconds: None,
            usd_per_hour: hourly,
            cost_usd: hourly.map(|usd| usd_for(age, usd)),
        }
    }
}
