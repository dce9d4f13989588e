//! The Lambda `state-change`: fed by the state-change queue, tells callers what has become of their jobs.

use std::sync::Arc;

use jiff::Timestamp;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use nommer_aws::{Aws, Environment, EventSignal, environment::required, event::QueueEvent};
use nommer_core::address::NetworkRules;
use nommer_http::HttpNotifier;
use nommer_state_change::StateChange;

#[tokio::main]
async fn main() -> Result<(), Error> {
    nommer_aws::log_to_lambda();
    let environment = Environment::read()?;
    let config = nommer_aws::load_config().await;
    let bus = required("NOMMER_EVENT_BUS")?;
    let events = aws_sdk_eventbridge::Client::new(&config);
    let aws = Arc::new(Aws::new(&config, &environment));
    let state_change = Arc::new(StateChange {
        notifier: HttpNotifier::new(NetworkRules::from(&environment.settings))?,
        bus: EventSignal::new(events, bus, &environment.stack),
        signing_secret: aws.signing_secret().await?,
        now: Timestamp::now,
    });
    lambda_runtime::run(service_fn(move |event: LambdaEvent<QueueEvent>| {
        let (aws, state_change) = (Arc::clone(&aws), Arc::clone(&state_change));
        async move {
            let deliver = async |id| Box::pin(state_change.deliver(&*aws, &id)).await;
            Ok::<_, Error>(event.payload.each(deliver).await)
        }
    }))
    .await
}
