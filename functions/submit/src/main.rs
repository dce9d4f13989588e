//! The Lambda `submit`: the HTTP API behind API Gateway.

mod gateway;

use std::sync::Arc;

use lambda_http::Error;
use nommer_aws::{
    Aws, Environment, EventSignal,
    environment::{optional, required},
};
use nommer_core::{
    address::NetworkRules, options::OptionPolicy, settings::Settings, spec::SpecRules,
    uri::UriRules,
};
use nommer_submit::{Submit, router};

use crate::gateway::{Gate, behind_gateway};

// One request at a time: threads would only wake each other.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_http::tracing::init_default_subscriber();
    let environment = Environment::read()?;
    let config = nommer_aws::load_config().await;
    let bus = required("NOMMER_EVENT_BUS")?;
    let events = aws_sdk_eventbridge::Client::new(&config);
    let submit = Submit {
        backend: Arc::new(Aws::new(&config, &environment)),
        signal: EventSignal::new(events, bus, &environment.stack),
        rules: rules(&environment.settings),
        settings: environment.settings.clone(),
    };
    let gate = Gate {
        signed: optional("NOMMER_API_AUTHORIZATION").as_deref() != Some("NONE"),
        anonymous_legacy: environment.settings.legacy.allow_anonymous,
    };
    lambda_http::run(behind_gateway(router(Arc::new(submit)), gate)).await
}

/// What jobs may ask for. No file of any machine is served.
fn rules(settings: &Settings) -> SpecRules {
    let network = NetworkRules::from(settings);
    SpecRules {
        uris: UriRules {
            network: network.clone(),
            folders: None,
            private: None,
        },
        network,
        options: OptionPolicy::from(settings),
        legacy_notify_format: Some(settings.legacy.notify_format),
    }
}
