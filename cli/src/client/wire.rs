//! How requests travel: with what proves who asks, and back as answers or problems.

use anyhow::{Context as _, anyhow};
use nommer_aws::ApiSigner;
use nommer_core::{api::Problem, secret::Secret};
use reqwest::{Body, Request, RequestBuilder, Response, StatusCode, header::HeaderName};
use serde::de::DeserializeOwned;

use super::Client;
use crate::failure::Failure;

impl Client {
    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.api)
    }

    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, Failure> {
        let response = self.send(request).await?;
        Ok(response
            .json()
            .await
            .context("read the answer of the API")?)
    }

    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = self.exchange(request).await?;
        let response = response.map_err(|error| self.unreachable(error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refused(response).await?.into())
    }

    /// Sends a request with what proves who asks. The inner error is one of the way there.
    pub(super) async fn exchange(
        &self,
        request: RequestBuilder,
    ) -> Result<Result<Response, reqwest::Error>, Failure> {
        let request = match &self.key {
            Some(key) => request.bearer_auth(key.expose()),
            None => request,
        };
        let mut request = request.build().context("write the request")?;
        if let Some(signer) = &self.signer {
            sign(&mut request, signer).await?;
        }
        Ok(self.http.execute(request).await)
    }

    /// The problem that an answer tells of, if it is one of ours.
    pub(super) async fn refused(&self, response: Response) -> Result<Problem, Failure> {
        let status = response.status();
        match response.json::<Problem>().await {
            Ok(problem) => Ok(problem),
            Err(_no_problem) if status == StatusCode::FORBIDDEN => Err(Failure::not_allowed(
                format!("{} refuses the request", self.api),
            )
            .hint("the caller's AWS credentials need execute-api:Invoke on this API; name the stack with --stack, so that requests are signed")),
            Err(_no_problem) => Err(anyhow!("{} answered {status}", self.api).into()),
        }
    }

    pub(super) fn unreachable(&self, error: reqwest::Error) -> Failure {
        let what = anyhow::Error::from(error).context(format!("reach {}", self.api));
        Failure::from(what).hint(if self.signer.is_some() {
            "is the network up? `nommer deploy status` tells whether the stack is there"
        } else {
            "start a system on this machine with `nommer dev`, or name one with --api or --stack"
        })
    }
}

/// The API key of whoever calls, from `NOMMER_API_KEY`: in the arguments everybody on the machine could read it.
pub(super) fn own_key() -> Option<Secret> {
    let key = std::env::var("NOMMER_API_KEY").ok();
    key.filter(|key| !key.is_empty()).map(Secret::new)
}

/// Adds the signature. Everything that the request says is covered by it.
async fn sign(request: &mut Request, signer: &ApiSigner) -> Result<(), Failure> {
    let own = request.headers().iter();
    let own: Vec<(&str, &str)> = own
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let body = request.body().and_then(Body::as_bytes).unwrap_or_default();
    let url = request.url().as_str();
    let signed = signer.headers(request.method().as_str(), url, &own, body);
    let signed = signed.await.map_err(|error| {
        Failure::from(anyhow::Error::from(error)).hint("`aws sts get-caller-identity` tells")
    })?;
    for (name, value) in signed {
        let name: HeaderName = name.parse().context("sign the request")?;
        let value = value.parse().context("sign the request")?;
        request.headers_mut().insert(name, value);
    }
    Ok(())
}

/// An id that a person typed, made safe as one segment of an address. What no id can hold finds no job.
pub(super) fn segment(id: &str) -> String {
    let legal = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    id.chars()
        .map(|letter| if legal(&letter) { letter } else { '~' })
        .collect()
}
