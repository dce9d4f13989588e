//! The Lambda `submit`: the HTTP API behind API Gateway.

mod gateway;

use std::sync::Arc;

use lambda_http::{Error, Request, service_fn};
use nommer_aws::{
    Aws, Environment, EventSignal,
    environment::{optional, required},
};
use nommer_core::{
    address::NetworkRules, options::OptionPolicy, settings::Settings, spec::SpecRules,
    uri::UriRules,
};
use nommer_submit::{Access, Allowances, Submit, router};
use tokio::{runtime::Handle, sync::watch};
use tower::ServiceExt as _;

use crate::gateway::{Gate, Routes, behind_gateway};

// One request at a time: threads would only wake each other.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    nommer_aws::log_to_lambda();
    let (told, ready) = watch::channel(None);
    // What cannot be made ends the program, as if it came first.
    let make = async move {
        let making = tokio::task::spawn_blocking(|| Handle::current().block_on(routes()));
        told.send_replace(Some(making.await??));
        std::future::pending().await
    };
    let answer = move |request: Request| {
        let mut ready = ready.clone();
        async move {
            let routes = ready.wait_for(Option::is_some).await?.clone();
            let routes = routes.ok_or("there are no routes")?;
            Ok::<_, Error>(routes.oneshot(request).await?)
        }
    };
    // The first question for work goes out first; the routes are made while it is on its way.
    tokio::select! {
        biased;
        served = lambda_http::run(service_fn(answer)) => served,
        failed = make => failed,
    }
}

/// What answers requests, from what the environment says. Nothing is asked of AWS yet.
async fn routes() -> Result<Routes, Error> {
    let environment = Environment::read()?;
    let config = nommer_aws::load_config().await;
    let bus = required("NOMMER_EVENT_BUS")?;
    let events = aws_sdk_eventbridge::Client::new(&config);
    let authorization = optional("NOMMER_API_AUTHORIZATION");
    let access = Access {
        keys_required: authorization.as_deref() == Some("KEY"),
        anonymous_legacy: environment.settings.legacy.allow_anonymous,
    };
    let submit = Submit {
        backend: Arc::new(Aws::new(&config, &environment)),
        signal: EventSignal::new(events, bus, &environment.stack),
        rules: rules(&environment.settings),
        settings: environment.settings.clone(),
        access,
        job_events: optional("NOMMER_JOB_EVENTS").as_deref() == Some("true"),
        allowances: Allowances::default(),
    };
    // With keys the gateway lets everybody through, and the routes do not.
    let gate = Gate {
        signed: !access.keys_required && authorization.as_deref() != Some("NONE"),
        anonymous_legacy: access.keys_required || access.anonymous_legacy,
    };
    Ok(behind_gateway(router(Arc::new(submit)), gate))
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
