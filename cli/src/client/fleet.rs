//! The fleet, and what work takes and costs.

use nommer_core::api::{EncoderView, Estimate, FleetView, StatsView};
use serde_json::Value;

use super::{Client, wire::segment};
use crate::failure::Failure;

impl Client {
    /// What the system did lately.
    pub(crate) async fn stats(&self, window: &str) -> Result<StatsView, Failure> {
        self.json(
            self.http
                .get(self.url("/v1/stats"))
                .query(&[("window", window)]),
        )
        .await
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
