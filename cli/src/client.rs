//! The API from outside: what the commands that talk to a running system use.

mod uploads;
mod webhooks;
mod wire;

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use nommer_aws::{ApiSigner, load_config};
use nommer_core::{
    api::{
        BatchView, BulkView, DeliveryView, DryRun, EncoderView, Estimate, FleetView, JobView, Page,
        PresetView, ProbeView, Problem, StatsView,
    },
    job::StateName,
    secret::Secret,
};
use reqwest::{Client as Http, StatusCode, header::RETRY_AFTER};
use serde_json::Value;

use crate::{args::Common, config::Config, deploy, failure::Failure};
pub(crate) use uploads::PartFault;
use wire::{own_key, segment};

/// Pause after which a system that could not be reached is asked again.
const UNREACHABLE_PAUSE: Duration = Duration::from_secs(2);

/// Jobs on the largest page of a list.
const LARGEST_PAGE: usize = 100;

/// What became of a request that is made again if it must.
#[derive(Debug)]
pub(crate) enum Taken {
    /// There is a job.
    Job(Box<JobView>),
    /// There will never be one.
    Refused(Problem),
    /// Not now: ask again after this time.
    Later(Duration),
}

/// A running system.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: Http,
    api: String,
    /// For a deployed stack.
    signer: Option<ApiSigner>,
    /// For a system that asks for keys.
    key: Option<Secret>,
    of_stack: bool,
}

impl Client {
    /// The system that the flags name: a deployed stack, an address, or that in the settings.
    pub(crate) async fn connect(common: &Common, config: &Config) -> Result<Self, Failure> {
        match &common.stack {
            Some(stack) => Self::of_stack(stack).await,
            None => Self::new(common.api.as_deref(), config),
        }
    }

    /// The system at this address, or at the one in the settings.
    pub(crate) fn new(api: Option<&str>, config: &Config) -> Result<Self, Failure> {
        let api = match api {
            Some(api) => api.trim_end_matches('/').to_owned(),
            None => format!("http://{}", config.settings.server.listen),
        };
        // The system may stand on this machine, whatever proxy the rest of the world is reached by.
        let http = Http::builder().no_proxy().build();
        Ok(Self {
            http: http.context("prepare the HTTP client")?,
            api,
            signer: None,
            key: own_key(),
            of_stack: false,
        })
    }

    /// A stack of this account. Requests are signed.
    async fn of_stack(name: &str) -> Result<Self, Failure> {
        let sdk = load_config().await;
        let stack = deploy::find(&sdk, name).await?;
        let stack = stack.ok_or_else(|| deploy::no_stack(name))?;
        let api = stack.output("ApiUrl").map_err(|_no_output| {
            Failure::from(anyhow!("stack {name} is {} and has no API", stack.status))
                .hint("`nommer deploy status` says more")
        })?;
        // A stack that asks for keys takes no signatures.
        let asks = stack.parameters.get("ApiAuthorization");
        let key = own_key().filter(|_| asks.is_some_and(|asks| asks == "KEY"));
        Ok(Self {
            http: Http::builder().build().context("prepare the HTTP client")?,
            api: api.trim_end_matches('/').to_owned(),
            signer: if key.is_none() {
                Some(ApiSigner::new(&sdk).map_err(anyhow::Error::from)?)
            } else {
                None
            },
            key,
            of_stack: true,
        })
    }

    pub(crate) async fn submit(&self, body: &Value) -> Result<JobView, Failure> {
        self.json(self.http.post(self.url("/v1/jobs")).json(body))
            .await
    }

    /// Submits under an idempotency key, for a caller who tries again by itself.
    pub(crate) async fn submit_once(&self, body: &Value, key: &str) -> Result<Taken, Failure> {
        let request = self.http.post(self.url("/v1/jobs")).json(body);
        let Ok(response) = self
            .exchange(request.header("idempotency-key", key))
            .await?
        else {
            return Ok(Taken::Later(UNREACHABLE_PAUSE));
        };
        let status = response.status();
        if status.is_success() {
            let job = response
                .json()
                .await
                .context("read the answer of the API")?;
            return Ok(Taken::Job(Box::new(job)));
        }
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            let asked = response.headers().get(RETRY_AFTER);
            let seconds = asked.and_then(|text| text.to_str().ok()?.parse().ok());
            return Ok(Taken::Later(Duration::from_secs(seconds.unwrap_or(1))));
        }
        match self.refused(response).await {
            Ok(problem) if !matches!(problem.status, 401 | 404 | 405) => {
                Ok(Taken::Refused(problem))
            }
            Ok(problem) => Err(problem.into()),
            Err(failure) => Err(failure),
        }
    }

    /// Asks for a look at a source.
    pub(crate) async fn probe(&self, body: &Value) -> Result<ProbeView, Failure> {
        self.json(self.http.post(self.url("/v1/probes")).json(body))
            .await
    }

    pub(crate) async fn probe_state(&self, id: &str) -> Result<ProbeView, Failure> {
        let path = format!("/v1/probes/{}", segment(id));
        self.json(self.http.get(self.url(&path))).await
    }

    /// Hands a batch over, under an idempotency key: an answer that is lost is asked for once more, and the batch is not made twice.
    pub(crate) async fn submit_batch(&self, body: &Value, key: &str) -> Result<BatchView, Failure> {
        let request = || {
            let request = self.http.post(self.url("/v1/batches")).json(body);
            request.header("idempotency-key", key)
        };
        match self.exchange(request()).await? {
            Ok(response) if response.status().is_success() => Ok(response
                .json()
                .await
                .context("read the answer of the API")?),
            Ok(response) if !response.status().is_server_error() => {
                Err(self.refused(response).await?.into())
            }
            Ok(_) | Err(_) => {
                tokio::time::sleep(UNREACHABLE_PAUSE).await;
                self.json(request()).await
            }
        }
    }

    pub(crate) async fn batch(&self, id: &str) -> Result<BatchView, Failure> {
        let path = format!("/v1/batches/{}", segment(id));
        self.json(self.http.get(self.url(&path))).await
    }

    pub(crate) async fn batches(&self, limit: u32) -> Result<Page<BatchView>, Failure> {
        let request = self.http.get(self.url("/v1/batches"));
        self.json(request.query(&[("limit", limit)])).await
    }

    pub(crate) async fn cancel_batch(&self, id: &str) -> Result<BatchView, Failure> {
        let path = format!("/v1/batches/{}/cancel", segment(id));
        self.json(self.http.post(self.url(&path))).await
    }

    /// Whether the system is a stack, which has no files of this machine.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.of_stack
    }

    /// A job, unless the system cannot be reached or cannot answer now.
    pub(crate) async fn job_if_reachable(&self, id: &str) -> Result<Option<JobView>, Failure> {
        let request = self
            .http
            .get(self.url(&format!("/v1/jobs/{}", segment(id))));
        let Ok(response) = self.exchange(request).await? else {
            return Ok(None);
        };
        let status = response.status();
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            return Ok(None);
        }
        if !status.is_success() {
            return Err(self.refused(response).await?.into());
        }
        Ok(Some(
            response
                .json()
                .await
                .context("read the answer of the API")?,
        ))
    }

    /// Has a request checked and estimated, and no more.
    pub(crate) async fn dry_run(&self, body: &Value) -> Result<DryRun, Failure> {
        let request = self.http.post(self.url("/v1/jobs"));
        self.json(request.query(&[("dry_run", true)]).json(body))
            .await
    }

    /// Submits as the original's client does. Gives the answer as it is.
    pub(crate) async fn submit_legacy(&self, body: &Value) -> Result<Value, Failure> {
        let request = self.http.post(self.url("/job/submit/"));
        let form = "application/x-www-form-urlencoded";
        self.json(request.header("content-type", form).body(body.to_string()))
            .await
    }

    pub(crate) async fn job(&self, id: &str) -> Result<JobView, Failure> {
        self.json(
            self.http
                .get(self.url(&format!("/v1/jobs/{}", segment(id)))),
        )
        .await
    }

    /// The same; none if it is not there any more.
    pub(crate) async fn job_if_there(&self, id: &str) -> Result<Option<JobView>, Failure> {
        let request = self
            .http
            .get(self.url(&format!("/v1/jobs/{}", segment(id))));
        let response = self.exchange(request).await?;
        let response = response.map_err(|error| self.unreachable(error))?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !response.status().is_success() {
            return Err(self.refused(response).await?.into());
        }
        let job = response.json().await;
        Ok(Some(job.context("read the answer of the API")?))
    }

    pub(crate) async fn jobs(&self, query: &[(&str, String)]) -> Result<Page<JobView>, Failure> {
        self.json(self.http.get(self.url("/v1/jobs")).query(query))
            .await
    }

    /// The newest jobs that a filter finds, at most so many, and whether there may be more.
    pub(crate) async fn first_jobs(
        &self,
        limit: u32,
        filter: &[(&str, String)],
    ) -> Result<(Vec<JobView>, bool), Failure> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let (mut jobs, mut cursor) = (Vec::new(), None);
        loop {
            let page = (limit - jobs.len()).min(LARGEST_PAGE);
            let mut query = filter.to_vec();
            query.push(("limit", page.to_string()));
            query.extend(cursor.map(|cursor| ("cursor", cursor)));
            let page = self.jobs(&query).await?;
            jobs.extend(page.data);
            cursor = page.next_cursor;
            if cursor.is_none() || jobs.len() >= limit {
                return Ok((jobs, cursor.is_some()));
            }
        }
    }

    /// What the system did lately.
    pub(crate) async fn stats(&self, window: &str) -> Result<StatsView, Failure> {
        self.json(
            self.http
                .get(self.url("/v1/stats"))
                .query(&[("window", window)]),
        )
        .await
    }

    /// Every job in one of these states.
    pub(crate) async fn all_jobs(&self, state: Option<StateName>) -> Result<Vec<JobView>, Failure> {
        let mut jobs = Vec::new();
        let mut cursor = None;
        loop {
            let mut query = vec![("limit", "100".to_owned())];
            query.extend(state.map(|state| ("state", state.to_string())));
            query.extend(cursor.map(|cursor| ("cursor", cursor)));
            let page = self.jobs(&query).await?;
            jobs.extend(page.data);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(jobs);
            }
        }
    }

    pub(crate) async fn cancel(&self, id: &str) -> Result<JobView, Failure> {
        self.json(
            self.http
                .post(self.url(&format!("/v1/jobs/{}/cancel", segment(id)))),
        )
        .await
    }

    pub(crate) async fn presets(&self) -> Result<Page<PresetView>, Failure> {
        self.json(self.http.get(self.url("/v1/presets"))).await
    }

    pub(crate) async fn preset(&self, name: &str) -> Result<PresetView, Failure> {
        let path = format!("/v1/presets/{}", segment(name));
        self.json(self.http.get(self.url(&path))).await
    }

    pub(crate) async fn put_preset(&self, name: &str, body: &Value) -> Result<PresetView, Failure> {
        let path = format!("/v1/presets/{}", segment(name));
        self.json(self.http.put(self.url(&path)).json(body)).await
    }

    pub(crate) async fn delete_preset(&self, name: &str) -> Result<(), Failure> {
        let path = format!("/v1/presets/{}", segment(name));
        self.send(self.http.delete(self.url(&path)))
            .await
            .map(|_| ())
    }

    /// What FFmpeg said in the job's last attempt.
    pub(crate) async fn log(&self, id: &str, lines: u32) -> Result<String, Failure> {
        let path = format!("/v1/jobs/{}/log?tail={lines}", segment(id));
        let response = self.send(self.http.get(self.url(&path))).await?;
        Ok(response.text().await.context("read the log")?)
    }

    pub(crate) async fn retry(&self, id: &str) -> Result<JobView, Failure> {
        let path = format!("/v1/jobs/{}/retry", segment(id));
        self.json(self.http.post(self.url(&path))).await
    }

    /// One page of an action on many jobs.
    pub(crate) async fn bulk(&self, body: &Value) -> Result<BulkView, Failure> {
        self.json(self.http.post(self.url("/v1/jobs:bulk")).json(body))
            .await
    }

    /// Forgets a job, with what it published or without.
    pub(crate) async fn delete(&self, id: &str, with_outputs: bool) -> Result<(), Failure> {
        let path = format!("/v1/jobs/{}", segment(id));
        let mut request = self.http.delete(self.url(&path));
        if with_outputs {
            request = request.query(&[("delete_outputs", true)]);
        }
        self.send(request).await.map(drop)
    }

    pub(crate) async fn deliveries(
        &self,
        query: &[(&str, String)],
    ) -> Result<Page<DeliveryView>, Failure> {
        let request = self.http.get(self.url("/v1/webhook-deliveries"));
        self.json(request.query(query)).await
    }

    pub(crate) async fn redeliver(&self, id: &str) -> Result<DeliveryView, Failure> {
        let path = format!("/v1/webhook-deliveries/{}/redeliver", segment(id));
        self.json(self.http.post(self.url(&path))).await
    }

    pub(crate) async fn fleet(&self) -> Result<FleetView, Failure> {
        self.json(self.http.get(self.url("/v1/fleet"))).await
    }

    pub(crate) async fn pause(&self, minutes: Option<u32>) -> Result<FleetView, Failure> {
        let body = serde_json::json!({"minutes": minutes});
        self.json(self.http.post(self.url("/v1/fleet/pause")).json(&body))
            .await
    }

    pub(crate) async fn resume(&self) -> Result<FleetView, Failure> {
        self.json(self.http.post(self.url("/v1/fleet/resume")))
            .await
    }

    pub(crate) async fn drain(&self, id: &str) -> Result<EncoderView, Failure> {
        let path = format!("/v1/encoders/{}/drain", segment(id));
        self.json(self.http.post(self.url(&path))).await
    }

    pub(crate) async fn estimate(&self, body: &Value) -> Result<Estimate, Failure> {
        self.json(self.http.post(self.url("/v1/estimates")).json(body))
            .await
    }
}
