//! Jobs: submitted, shown, ended.

use std::time::Duration;

use anyhow::Context as _;
use nommer_core::{
    api::{BulkView, DryRun, JobView, Page, Problem},
    job::StateName,
};
use reqwest::{StatusCode, header::RETRY_AFTER};
use serde_json::Value;

use super::{Client, UNREACHABLE_PAUSE, wire::segment};
use crate::failure::Failure;

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

impl Client {
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
}
