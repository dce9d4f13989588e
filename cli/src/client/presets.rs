//! Presets.

use nommer_core::api::{Page, PresetView};
use serde_json::Value;

use super::{Client, wire::segment};
use crate::failure::Failure;

impl Client {
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
}
