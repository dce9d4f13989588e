//! The Lambda `submit`: the HTTP API behind API Gateway.

mod gateway;

use std::sync::Arc;

use axum::{body::Body, response::Response};
use jiff::Timestamp;
use lambda_http::{Error, Request, RequestExt as _, request::RequestContext, service_fn};
use nommer_aws::{
    Aws, Environment, EventSignal,
    environment::{optional, required},
};
use nommer_core::{
    address::NetworkRules, options::OptionPolicy, presets, settings::Settings, spec::SpecRules,
    uri::UriRules, watch::WatchRule,
};
use nommer_submit::{Access, Allowances, Submit, router, watch::on_event};
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::gateway::{Gate, Routes, behind_gateway};

// One request at a time: threads would only wake each other.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    nommer_aws::log_to_lambda();
    let (told, ready) = watch::channel(None);
    // What cannot be made ends the program, as if it came first.
    let make = async move {
        let making = tokio::task::spawn_blocking(routes);
        told.send_replace(Some(making.await??));
        std::future::pending().await
    };
    let answer = move |request: Request| {
        let mut ready = ready.clone();
        async move {
            let made = ready.wait_for(Option::is_some).await?.clone();
            let Served { routes, submit } = made.ok_or("there are no routes")?;
            if let Some(RequestContext::PassThrough) = request.request_context_ref() {
                let event = String::from_utf8_lossy(request.body());
                on_event(&submit, &event, Timestamp::now()).await?;
                return Ok(Response::new(Body::empty()));
            }
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

/// What answers requests, and what takes S3's events.
#[derive(Clone)]
struct Served {
    routes: Routes,
    submit: Arc<Submit<Aws, EventSignal>>,
}

/// Both, from what the environment says. Nothing is asked of AWS yet.
fn routes() -> Result<Served, Error> {
    let mut environment = Environment::read()?;
    environment.settings.watch.extend(watched(&environment));
    let config = nommer_aws::lambda_config();
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
    let submit = Arc::new(submit);
    let routes = behind_gateway(router(Arc::clone(&submit)), gate);
    Ok(Served { routes, submit })
}

/// The rule that the stack's parameters make, if they make one: a prefix in the stack's bucket, and a destination there or elsewhere.
fn watched(environment: &Environment) -> Option<WatchRule> {
    let bucket = environment.media_bucket.as_ref()?;
    let prefix = optional("NOMMER_WATCH_PREFIX")?;
    let to = optional("NOMMER_WATCH_DESTINATION").unwrap_or_default();
    Some(WatchRule {
        from: format!("s3://{bucket}/{prefix}"),
        to: if to.contains("://") {
            to
        } else {
            format!("s3://{bucket}/{to}")
        },
        preset: optional("NOMMER_WATCH_PRESET").unwrap_or_else(|| presets::DEFAULT.to_owned()),
    })
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
        watch: settings.watch.clone(),
    }
}
