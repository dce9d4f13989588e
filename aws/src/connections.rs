//! The connections to AWS that all clients of a process share.
//!
//! The SDK gives each client a pool of its own and reads and parses the root certificates once for each, before the first request. Here
//! that is done once for all, on a thread beside the start of the program. No request is made here.

use std::{
    sync::{Arc, OnceLock},
    thread,
};

use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_http_client::{
    Builder, Connector, ConnectorBuilder,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector},
    runtime_components::RuntimeComponents,
};

use crate::config::CONNECT;

/// One pool of connections, and pools for those who want other time limits.
#[derive(Debug)]
pub(crate) struct Connections {
    ours: Arc<OnceLock<SharedHttpConnector>>,
    others: SharedHttpClient,
}

impl Connections {
    fn new() -> Self {
        Self {
            ours: Arc::default(),
            others: Builder::new()
                .build_with_connector_fn(|settings, _components| connector(settings.cloned())),
        }
    }

    /// Connections that are made ready by the first request.
    pub(crate) fn shared() -> SharedHttpClient {
        SharedHttpClient::new(Self::new())
    }

    /// Connections that are being made ready on a thread of their own. The first request waits for it.
    pub(crate) fn warmed() -> SharedHttpClient {
        let connections = Self::new();
        let ours = Arc::clone(&connections.ours);
        let warm = move || {
            ours.get_or_init(ready);
        };
        if let Err(error) = thread::Builder::new().name("tls".to_owned()).spawn(warm) {
            tracing::debug!(error = ?error, "the first request makes the connections ready");
        }
        SharedHttpClient::new(connections)
    }
}

/// What clients of [`crate::load_config`] ask for.
fn settings() -> HttpConnectorSettings {
    HttpConnectorSettings::builder()
        .connect_timeout(CONNECT)
        .build()
}

/// Connections for requests that no client of the SDK makes.
pub(crate) fn ready() -> SharedHttpConnector {
    SharedHttpConnector::new(connector(Some(settings())))
}

/// As the SDK makes them, proxies of the environment included.
fn connector(settings: Option<HttpConnectorSettings>) -> Connector {
    let mut connector =
        ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    connector.set_connector_settings(settings);
    connector.set_sleep_impl(Some(SharedAsyncSleep::new(TokioSleep::new())));
    connector.set_proxy_config(Some(ProxyConfig::from_env()));
    connector.build()
}

// Without the checks of a client's configuration: they make a connector and throw it away.
impl HttpClient for Connections {
    fn http_connector(
        &self,
        wanted: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        if wanted.connect_timeout() == Some(CONNECT) && wanted.read_timeout().is_none() {
            self.ours.get_or_init(ready).clone()
        } else {
            self.others.http_connector(wanted, components)
        }
    }
}
