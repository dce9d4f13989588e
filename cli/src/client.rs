//! The API from outside: what the commands that talk to a running system use.

mod batches;
mod fleet;
mod jobs;
mod presets;
mod uploads;
mod webhooks;
mod wire;

use std::time::Duration;

use anyhow::{Context as _, anyhow};
use nommer_aws::{ApiSigner, load_config};
use nommer_core::{api::ProbeView, secret::Secret};
use reqwest::Client as Http;
use serde_json::Value;

use crate::{args::Common, config::Config, deploy, failure::Failure};
pub(crate) use jobs::Taken;
pub(crate) use uploads::PartFault;
use wire::{own_key, segment};

/// Pause after which a system that could not be reached is asked again.
const UNREACHABLE_PAUSE: Duration = Duration::from_secs(2);

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

    /// Asks for a look at a source.
    pub(crate) async fn probe(&self, body: &Value) -> Result<ProbeView, Failure> {
        self.json(self.http.post(self.url("/v1/probes")).json(body))
            .await
    }

    pub(crate) async fn probe_state(&self, id: &str) -> Result<ProbeView, Failure> {
        let path = format!("/v1/probes/{}", segment(id));
        self.json(self.http.get(self.url(&path))).await
    }

    /// Whether the system is a stack, which has no files of this machine.
    pub(crate) fn is_elsewhere(&self) -> bool {
        self.of_stack
    }
}
