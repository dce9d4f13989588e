//! What a job would take and cost, before it runs. Nothing is fetched: the length of the source is the caller's to tell.

use std::{sync::Arc, time::Duration};

use axum::{Json, body::Body, extract::State};
use nommer_core::{
    api::Estimate,
    error::{Code, JobError},
    money::{JobShape, WorkAverage, list_date, slot_time, usd_for},
    ports::{Backend, FleetStore, ScaleSignal, StoreError},
    spec::{JobSpec, parse_estimate},
};

use crate::{Submit, body::read_json, reply::Refusal, v1::presets};

pub(crate) async fn estimate<B: Backend, W: ScaleSignal>(
    State(submit): State<Arc<Submit<B, W>>>,
    body: Body,
) -> Result<Json<Estimate>, Refusal> {
    let mut body = read_json(body).await?;
    presets::fill_in(&submit, &mut body).await?;
    let asked = parse_estimate(&body, &submit.rules)?;
    let shape = asked.duration_seconds.map(|media_seconds| JobShape {
        passes: &asked.passes,
        outputs: &asked.outputs,
        media_seconds,
        height: asked.height,
    });
    Ok(Json(reckon(&submit, shape.as_ref()).await?))
}

/// The estimate of a request for a job.
pub(crate) async fn of_spec<B: Backend, W>(
    submit: &Submit<B, W>,
    spec: &JobSpec,
) -> Result<Estimate, StoreError> {
    let shape = spec.duration_seconds.map(|media_seconds| JobShape {
        passes: &spec.passes,
        outputs: &spec.outputs,
        media_seconds,
        height: None,
    });
    reckon(submit, shape.as_ref()).await
}

/// Refuses a job that by its estimate costs more than it may. Without a length or a price nothing can be said, and the job is let in:
/// it is ended when its actual cost goes above.
pub(crate) async fn affordable<B: Backend, W>(
    submit: &Submit<B, W>,
    spec: &JobSpec,
) -> Result<(), Refusal> {
    let (Some(most), Some(media_seconds)) = (spec.max_cost_usd, spec.duration_seconds) else {
        return Ok(());
    };
    let shape = JobShape {
        passes: &spec.passes,
        outputs: &spec.outputs,
        media_seconds,
        height: None,
    };
    let estimate = reckon(submit, Some(&shape)).await?;
    match estimate.usd {
        Some(usd) if usd > most => {
            let message =
                format!("the job is estimated at {usd:.4} USD, more than its max_cost_usd {most}");
            let hint = format!("raise max_cost_usd; the estimate is {}", estimate.basis);
            Err(JobError::new(Code::OverBudget, message)
                .with_hint(hint)
                .into())
        }
        Some(_) | None => Ok(()),
    }
}

async fn reckon<B: Backend, W>(
    submit: &Submit<B, W>,
    shape: Option<&JobShape<'_>>,
) -> Result<Estimate, StoreError> {
    let (record, _) = submit.backend.store().fleet().await?;
    let (time, of) = time(shape, record.work.as_ref());
    let prices = &submit.settings.prices;
    let slots = submit.settings.fleet.jobs_per_instance;
    let hourly = prices.expected();
    let slot_hour_usd = hourly.map(|usd| usd / f64::from(slots.max(1)));
    let price = match (&prices.instance_type, hourly) {
        (Some(name), Some(usd)) => {
            format!(
                "{usd} USD an hour for {name} with {slots} slots (prices of {})",
                list_date()
            )
        }
        (_, None) | (None, _) => "a price that is not known: set prices.instance_type".to_owned(),
    };
    Ok(Estimate {
        usd: time
            .zip(slot_hour_usd)
            .map(|(time, usd)| usd_for(time, usd)),
        seconds: time.map(|time| time.as_secs_f64()),
        basis: format!("{of}; {price}"),
    })
}

/// The time on one slot, and where it comes from.
fn time(shape: Option<&JobShape<'_>>, recent: Option<&WorkAverage>) -> (Option<Duration>, String) {
    let Some(shape) = shape else {
        return match recent.and_then(WorkAverage::mean) {
            Some(mean) => (
                Some(mean),
                "the mean of recent jobs, as duration_seconds is not given".to_owned(),
            ),
            None => (
                None,
                "no duration_seconds and no recent jobs to go by".to_owned(),
            ),
        };
    };
    let pace = recent.map_or(1.0, |recent| recent.pace);
    let corrected = Duration::try_from_secs_f64(slot_time(shape).as_secs_f64() * pace);
    let told = match recent {
        Some(recent) => format!(", times {pace:.2}, the pace of {} recent jobs", recent.jobs),
        None => String::new(),
    };
    let seconds = shape.media_seconds;
    (
        corrected.ok(),
        format!("a model of {seconds} s of media and its passes{told}"),
    )
}
