//! Batches that the system sees to.

use anyhow::Context as _;
use nommer_core::api::{BatchView, Page};
use serde_json::Value;

use super::{Client, UNREACHABLE_PAUSE, wire::segment};
use crate::failure::Failure;

impl Client {
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
}
