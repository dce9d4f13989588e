//! Webhook endpoints of a running system.

use nommer_core::api::{DeliveryView, EndpointView, Page};
use serde_json::{Value, json};

use super::{Client, wire::segment};
use crate::failure::Failure;

const PATH: &str = "/v1/webhook-endpoints";

impl Client {
    /// Whether requests leave this machine's own system for a stack, where each of them is paid for.
    pub(crate) fn is_stack(&self) -> bool {
        self.signer.is_some()
    }

    pub(crate) async fn endpoints(&self) -> Result<Page<EndpointView>, Failure> {
        self.json(self.http.get(self.url(PATH))).await
    }

    pub(crate) async fn create_endpoint(&self, body: &Value) -> Result<EndpointView, Failure> {
        self.json(self.http.post(self.url(PATH)).json(body)).await
    }

    pub(crate) async fn update_endpoint(
        &self,
        id: &str,
        body: &Value,
    ) -> Result<EndpointView, Failure> {
        self.json(self.http.patch(self.endpoint(id, "")).json(body))
            .await
    }

    pub(crate) async fn delete_endpoint(&self, id: &str) -> Result<(), Failure> {
        let deleted = self.send(self.http.delete(self.endpoint(id, ""))).await;
        deleted.map(drop)
    }

    pub(crate) async fn rotate_endpoint(&self, id: &str) -> Result<EndpointView, Failure> {
        self.json(self.http.post(self.endpoint(id, "/rotate")))
            .await
    }

    pub(crate) async fn test_endpoint(
        &self,
        id: &str,
        event: &str,
    ) -> Result<DeliveryView, Failure> {
        let request = self.http.post(self.endpoint(id, "/test"));
        self.json(request.json(&json!({"event": event}))).await
    }

    fn endpoint(&self, id: &str, rest: &str) -> String {
        self.url(&format!("{PATH}/{}{rest}", segment(id)))
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
}
